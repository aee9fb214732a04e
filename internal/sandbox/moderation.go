package sandbox

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/config"
)

// TableRows is how many rows a table was given.
type TableRows struct {
	Table string
	Rows  int64
}

// moderationSQL writes into every table of the release, as the application
// would: a section for each step, that begins with the table's name.
//
//go:embed moderation.sql
var moderationSQL string

// WriteModerationRows writes rows into every table of the moderation release,
// n of each kind, in one transaction: reports wait in the queue or were decided,
// decisions are appealed, threads are answered and flagged. The database must be
// a Clipper at version 97 with users and clips. It returns the rows by table.
func WriteModerationRows(ctx context.Context, target config.Target, n int) ([]TableRows, error) {
	conn, err := connect(ctx, target)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // committed or not, the answer is in err
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // a no-op after the commit
	var written []TableRows
	for _, section := range strings.Split(moderationSQL, "\n-- table: ")[1:] {
		table, statement, _ := strings.Cut(section, "\n")
		tag, err := tx.Exec(ctx, statement, n)
		if err != nil {
			return nil, fmt.Errorf("writing rows into %s: %w", table, err)
		}
		if strings.HasPrefix(table, "(") { // a step that changes rows and adds none
			continue
		}
		written = append(written, TableRows{Table: table, Rows: tag.RowsAffected()})
	}
	return written, tx.Commit(ctx)
}
