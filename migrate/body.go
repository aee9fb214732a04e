package migrate

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5"
)

// RunBody runs SQL as Apply runs a file, and leaves the version row to the caller:
// for loops that keep it themselves, as golang-migrate's library does. A body
// without a statement is nothing to do. Of the options Ledger and the hooks are not
// used. The error is a *ops.Failure.
func RunBody(ctx context.Context, t config.Target, name, body string, o ApplyOptions) error {
	f, err := readBody(name, body)
	if err != nil || len(f.Statements) == 0 {
		return err
	}
	o.complete()
	o.Ledger, o.Before, o.BeforeCommit = nil, nil, nil
	o.BeforeStatement, o.AfterStatement = nil, nil
	e := &engine{target: t, plan: &Plan{Files: []File{f}}, o: o, applied: &Applied{}}
	if err := e.open(ctx); err != nil {
		return err
	}
	defer e.close(ctx)
	if !f.Transactional {
		return e.bodyStatements(ctx, f)
	}
	r := e.persist(ctx, transaction{file: f, pieces: f.pieces(), modes: f.modes, bare: true})
	switch {
	case r.err == nil:
		return nil
	case !o.Whole && runsAlone(f, r.err):
		return e.bodyStatements(ctx, f)
	}
	return e.failed(ctx, failure{file: f, err: r.err, attempt: r.last, attempts: r.attempts, blockers: r.blockers})
}

// readBody inspects the body as a file of that name.
func readBody(name, body string) (File, error) {
	src := &Source{Label: name}
	f := File{Name: name, FileName: name, Direction: Up, Body: body, SHA256: checksum(body)}
	src.inspect(&f)
	if len(src.Problems) > 0 && src.Problems[0].Text != noStatement {
		return f, refuse(src, func(Problem) bool { return true })
	}
	return f, nil
}

// bodyStatements runs the statements one by one, without marks.
func (e *engine) bodyStatements(ctx context.Context, f File) error {
	w := &stepwise{engine: e, file: f, bare: true}
	return w.run(ctx)
}

// SetVersion writes the version row: one row, or none for version -1 that is not
// dirty. It makes the table when it is missing, and takes no lock but the row's.
func SetVersion(ctx context.Context, conn *pgx.Conn, version int64, dirty bool) error {
	s, err := ReadState(ctx, conn)
	if err != nil {
		return err
	}
	sql := "BEGIN;"
	if !s.Table {
		sql += s.createTableSQL() + ";"
	}
	a, err := simple(ctx, conn, sql+s.versionRowSQL(version, dirty)+"COMMIT")
	if err == nil && a.last() != "COMMIT" {
		err = errCommit
	}
	if err == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	_, _ = simple(limited, conn, "ROLLBACK") // a connection that is lost has no transaction
	return fmt.Errorf("writing the version row: %w", pg.Cause(ctx, err))
}
