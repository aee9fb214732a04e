package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// samples are the rows of the table that is measured: as many as take a few tenths
	// of a second, long enough to tell. A part of them is updated.
	samples, updated = 40_000, 10_000
	// calibrationLimit ends a measurement on a server that is far too busy for one.
	calibrationLimit = 20 * time.Second
)

// calibration is the measurement. The server's own clock stands between the statements,
// so that the network has no part in the times. What is measured is the work that
// migrations do: a check that is validated, a type that is changed, an index, an update
// of rows that are in one. The table is read once before, as any table in use was.
const calibration = `
CREATE TABLE %[1]s.clipperops_calibration AS
    SELECT i AS id, i %% %[3]d AS number, md5(i::text)::uuid AS name, repeat('x', 48) || i AS body, now() AS made
      FROM generate_series(1, %[2]d) AS i;
SELECT extract(epoch FROM clock_timestamp()), pg_catalog.pg_table_size('%[1]s.clipperops_calibration')
  FROM (SELECT count(*) FROM %[1]s.clipperops_calibration) AS read;
ALTER TABLE %[1]s.clipperops_calibration ADD CHECK (number >= 0);
SELECT extract(epoch FROM clock_timestamp());
ALTER TABLE %[1]s.clipperops_calibration ALTER COLUMN id TYPE bigint;
SELECT extract(epoch FROM clock_timestamp());
CREATE INDEX ON %[1]s.clipperops_calibration (name);
SELECT extract(epoch FROM clock_timestamp());
UPDATE %[1]s.clipperops_calibration SET number = number + 1 WHERE number < %[3]d / %[4]d;
SELECT extract(epoch FROM clock_timestamp())`

// Calibrate measures on the clone how fast its server reads, rewrites, indexes and
// updates a table. It takes a fraction of a second and leaves nothing behind.
//
// The table is small and lies in memory: a table of the target that does not takes as
// long as its disk. Rates are those of the clone's server, whatever machine that is. A
// server that refuses to be measured, where the role may make no table, gives no rates
// and no error: estimates are then made with cautious ones.
func Calibrate(ctx context.Context, clone config.Target, application string) (Rates, error) {
	conn, err := pg.Connect(ctx, clone, pg.ConnOptions{Application: application, StatementTimeout: calibrationLimit})
	if err != nil {
		return Rates{}, err
	}
	defer closeConn(ctx, conn)
	var schema string
	// Where the role may make a table: on the clone of the schema it migrates, in the
	// schema that schema_migrations is made in.
	if err := conn.QueryRow(ctx, "SELECT pg_catalog.quote_ident(coalesce(pg_catalog.current_schema(), 'public'))").Scan(&schema); err != nil {
		return Rates{}, uncalibrated(ctx, err)
	}
	results := conn.PgConn().Exec(ctx, "BEGIN;"+fmt.Sprintf(calibration, schema, samples, 1000, samples/updated)+";ROLLBACK")
	all, err := results.ReadAll()
	if err != nil {
		return Rates{}, uncalibrated(ctx, err)
	}
	var clock []float64
	var bytes float64
	for _, r := range all {
		for _, row := range r.Rows {
			seconds, err := strconv.ParseFloat(string(row[0]), 64)
			if err != nil {
				return Rates{}, uncalibrated(ctx, err)
			}
			clock = append(clock, seconds)
			if len(row) > 1 {
				bytes, _ = strconv.ParseFloat(string(row[1]), 64)
			}
		}
	}
	if len(clock) != 5 || bytes <= 0 {
		return Rates{}, uncalibrated(ctx, errors.New("the server's clock did not answer"))
	}
	perSecond := func(amount float64, i int) float64 { return amount / max(clock[i+1]-clock[i], 1e-6) }
	return Rates{
		ScanBytes: perSecond(bytes, 0), RewriteBytes: perSecond(bytes, 1),
		IndexRows: perSecond(samples, 2), UpdateRows: perSecond(updated, 3),
	}, nil
}

// uncalibrated is the failure of a measurement, nil when the server only refused it.
func uncalibrated(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the rehearsal was interrupted: %w", pg.Cause(ctx, err))
	}
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) && !strings.HasPrefix(refused.Code, "57P") {
		return nil
	}
	return &ops.Failure{
		What:   "the speed of the clone's server could not be measured",
		Detail: strings.Split(err.Error(), "\n"),
		Next:   []string{"run the same command again"}, Err: err,
	}
}
