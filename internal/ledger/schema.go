package ledger

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed schema/*.sql
var schemaFS embed.FS

// schemaLock is the advisory lock that keeps two first users apart. It is held
// inside one short transaction at a time. The bytes spell "clipper$".
const schemaLock int64 = 0x636c697070657224

// rollbackTimeout bounds the undoing of a schema step whose context is gone.
const rollbackTimeout = 5 * time.Second

// schemaFile is one version of the ledger's own schema.
type schemaFile struct {
	version int
	name    string
	sql     string
}

func embeddedSchema() ([]schemaFile, error) {
	names, err := fs.Glob(schemaFS, "schema/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	files := make([]schemaFile, 0, len(names))
	for i, name := range names {
		body, err := schemaFS.ReadFile(name)
		if err != nil {
			return nil, err
		}
		base := strings.TrimPrefix(name, "schema/")
		number, _, _ := strings.Cut(base, "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("embedded ledger schema %s is not version %d", base, i+1)
		}
		files = append(files, schemaFile{version: version, name: base, sql: string(body)})
	}
	return files, nil
}

// bring applies, one transaction each, the versions the database does not have.
func bring(ctx context.Context, conn *pgx.Conn, s site, files []schemaFile) error {
	newest := files[len(files)-1].version
	have := 0
	if s.tables {
		var err error
		if have, err = schemaVersion(ctx, conn); err != nil {
			return err
		}
	}
	if have > newest {
		return tooNew(have, newest)
	}
	for _, file := range files[have:] {
		if err := advance(ctx, conn, file, newest); err != nil {
			return fmt.Errorf("ledger schema %s: %w", file.name, err)
		}
	}
	return nil
}

// advance applies one file unless another first user did meanwhile.
func advance(ctx context.Context, conn *pgx.Conn, file schemaFile, newest int) (err error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return err
	}
	defer func() {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		if back := tx.Rollback(undo); back != nil && !errors.Is(back, pgx.ErrTxClosed) {
			err = errors.Join(err, back)
		}
	}()
	if _, err := tx.Exec(ctx, `
		SET LOCAL lock_timeout = '5s';
		SET LOCAL statement_timeout = '30s';
		SET LOCAL search_path = pg_catalog, pg_temp`); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `SELECT pg_catalog.pg_advisory_xact_lock($1)`, schemaLock); err != nil {
		return err
	}
	// What the survey saw may be old: look again, now that nobody else can add.
	s, err := survey(ctx, tx)
	if err != nil {
		return err
	}
	have := 0
	if s.tables {
		if have, err = schemaVersion(ctx, tx); err != nil {
			return err
		}
	}
	switch {
	case have > newest:
		return tooNew(have, newest)
	case have >= file.version:
		return nil
	}
	return write(ctx, tx, s, file)
}

func write(ctx context.Context, tx pgx.Tx, s site, file schemaFile) error {
	if !s.schema {
		// IF NOT EXISTS would ask for CREATE on the database even where the schema exists.
		if _, err := tx.Exec(ctx, `CREATE SCHEMA clipperops; REVOKE ALL ON SCHEMA clipperops FROM PUBLIC`); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, file.sql); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO clipperops.schema_version (version) VALUES ($1)`, file.version); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func schemaVersion(ctx context.Context, db Executor) (int, error) {
	var version int
	err := db.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM clipperops.schema_version`).Scan(&version)
	return version, err
}

func tooNew(have, know int) error {
	return &UnavailableError{
		Reason: Newer, Have: have, Know: know,
		Detail: fmt.Sprintf("its schema is version %d, written by a newer clipperops; this one knows %d", have, know),
		Remedy: "run the newer clipperops",
	}
}

// newerThanKnown returns the error for a ledger beyond what this program knows,
// nil when it is not or cannot be told.
func newerThanKnown(ctx context.Context, db Executor) error {
	files, err := embeddedSchema()
	if err != nil {
		return nil
	}
	have, err := schemaVersion(ctx, db)
	if know := files[len(files)-1].version; err == nil && have > know {
		return tooNew(have, know)
	}
	return nil
}
