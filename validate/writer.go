package validate

import (
	"context"
	"errors"
	"fmt"

	"github.com/clipper/clipperops/release"
	"github.com/jackc/pgx/v5"
)

// writer runs write tests and remembers how far it came.
type writer struct {
	// values are what statements returned, by name.
	values pgx.NamedArgs
	// at is the statement that runs, or failed; done counts those that ran.
	at   string
	done int
	// surprise says what went otherwise than expected without an error of the server, and
	// remedy what to do about it where that is something of its own.
	surprise, remedy string
}

// errSurprise ends a write test whose statements did something unexpected.
var errSurprise = errors.New("a statement did not do what it should")

func (w *writer) wonder(format string, args ...any) error {
	w.surprise = fmt.Sprintf(format, args...)
	return errSurprise
}

// run finds somebody to write as and runs the tests. Those before the last are
// there for their rows: what they expect is their own check's business.
func (w *writer) run(ctx context.Context, tx pgx.Tx, person release.Person, chain []release.WriteTest) error {
	if err := w.findPerson(ctx, tx, person); err != nil {
		return err
	}
	last := len(chain) - 1
	for i, test := range chain {
		for _, s := range test.Statements {
			w.at = s.SQL
			var err error
			switch {
			case s.Fails == "":
				err = w.succeed(ctx, tx, s, i == last)
			case i == last:
				err = w.fail(ctx, tx, s)
			default:
				continue
			}
			if err != nil {
				return err
			}
			w.done++
		}
	}
	return nil
}

func (w *writer) findPerson(ctx context.Context, tx pgx.Tx, person release.Person) error {
	for _, sql := range []string{person.Find, person.Make} {
		w.at = sql
		first, _, err := w.ask(ctx, tx, sql)
		if err != nil {
			return err
		}
		if len(first) > 0 {
			w.values["person"] = first[0]
			return nil
		}
	}
	return w.wonder("there is nobody to write as, and nobody could be made")
}

// ask runs a statement and makes sure that the transaction is still the one that will be
// rolled back.
func (w *writer) ask(ctx context.Context, tx pgx.Tx, sql string, args ...any) (first []string, rows int64, err error) {
	first, rows, err = query(ctx, tx, sql, args...)
	if err == nil && tx.Conn().PgConn().TxStatus() != 'T' {
		w.remedy = "take the statement out of the release file, then look in the database for the rows of the write tests and delete them"
		err = w.wonder("a statement ended the transaction of the write tests; what they wrote until then may be left")
	}
	return first, rows, err
}

// succeed runs a statement that must touch or return something.
func (w *writer) succeed(ctx context.Context, tx pgx.Tx, s release.Statement, judge bool) error {
	first, rows, err := w.ask(ctx, tx, s.SQL, w.values)
	if err != nil {
		return err
	}
	if rows == 0 {
		return w.wonder("a statement touched no row")
	}
	if (s.Returns != "" || s.Expect != "") && len(first) == 0 {
		return w.wonder("a statement returned nothing")
	}
	if s.Returns != "" {
		w.values[s.Returns] = first[0]
	}
	if judge && s.Expect != "" && first[0] != s.Expect {
		return w.wonder("a statement returned %q, not %q", first[0], s.Expect)
	}
	return nil
}

// fail runs a statement that must be refused, behind a savepoint.
func (w *writer) fail(ctx context.Context, tx pgx.Tx, s release.Statement) error {
	if _, err := tx.Exec(ctx, "SAVEPOINT refused"); err != nil {
		return err
	}
	_, _, err := w.ask(ctx, tx, s.SQL, w.values)
	if errors.Is(err, errSurprise) {
		return err
	}
	if err == nil {
		return w.wonder("a statement went through that %s must refuse", s.Fails)
	}
	fault := serverError(err)
	if fault == nil || (fault.Code != s.Fails && fault.ConstraintName != s.Fails) {
		return err
	}
	_, err = tx.Exec(ctx, "ROLLBACK TO SAVEPOINT refused")
	return err
}
