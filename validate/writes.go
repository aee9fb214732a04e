package validate

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
	"github.com/jackc/pgx/v5"
)

// writeChecks makes a check of the write test of every table.
func (v *validation) writeChecks() []ops.Check {
	var checks []ops.Check
	for _, w := range v.Release.Writes.Tests {
		if !w.AppliesAt(v.at()) {
			continue
		}
		checks = append(checks, ops.Check{
			ID:    "validate.writes." + w.Table,
			Title: w.Table + " takes rows (rolled back)",
			Group: groupWrites,
			Fatal: true,
			Run:   func(ctx context.Context) ops.Result { return v.write(ctx, w) },
		})
	}
	return checks
}

func (v *validation) write(ctx context.Context, w release.WriteTest) ops.Result {
	c, err := v.catalogue(ctx)
	if err != nil {
		return v.unanswered(err)
	}
	if why := c.server.refusesWrites(); why != "" {
		return ops.Skip("nothing can be written here: " + why)
	}
	chain := v.chain(w)
	if where := v.unpromised(c, chain); where != "" {
		return ops.Skip("the schema is not as promised: see " + where)
	}
	writer := &writer{values: pgx.NamedArgs{}}
	err = v.writing(ctx, func(tx pgx.Tx) error { return writer.run(ctx, tx, v.Release.Writes.Person, chain) })
	return v.written(w, writer, err, c.server.User)
}

// refusesWrites says why nothing can be written; empty when it can. A connection
// that made itself read-only by default can still ask for more.
func (s serverState) refusesWrites() string {
	switch {
	case s.InRecovery:
		return "the server is a standby in recovery; validate the primary to have it tried"
	case s.ReadOnly && s.ReadOnlySource != "client":
		return "default_transaction_read_only is on (" + s.ReadOnlySource + ")"
	}
	return ""
}

// chain lists the tests that run in the transaction, the one asked for last.
func (v *validation) chain(w release.WriteTest) []release.WriteTest {
	chain := []release.WriteTest{w}
	for chain[0].After != "" {
		earlier, found := v.testOf(chain[0].After)
		if !found {
			break
		}
		chain = append([]release.WriteTest{earlier}, chain...)
	}
	return chain
}

func (v *validation) testOf(table string) (release.WriteTest, bool) {
	for _, w := range v.Release.Writes.Tests {
		if w.Table == table && w.AppliesAt(v.at()) {
			return w, true
		}
	}
	return release.WriteTest{}, false
}

// unpromised names the check that already reports why the writes would not go as
// they should, so that one broken object is one failure.
func (v *validation) unpromised(c *catalog, chain []release.WriteTest) string {
	for _, t := range v.Release.TablesAt(v.at()) {
		concerned := false
		for _, w := range chain {
			concerned = concerned || w.Table == t.Name
		}
		if !concerned {
			continue
		}
		switch {
		case len(v.tableFindings(c, t)) > 0:
			return tableID(t.Name)
		case len(v.columnFindings(c, t)) > 0:
			return "validate.columns." + t.Name
		case len(v.constraintFindings(c, t)) > 0:
			return "validate.constraints." + t.Name
		case len(v.triggerFindings(c, t)) > 0:
			return "validate.triggers." + t.Name
		}
		for _, i := range t.Indexes {
			if got := c.tables[t.Name].indexes[i.Name]; i.Unique && indexText(i) != indexText(got.promised()) {
				return "validate.indexes." + t.Name
			}
		}
	}
	return ""
}

// written makes a result of how the writing went.
func (v *validation) written(w release.WriteTest, writer *writer, err error, user string) ops.Result {
	if err == nil {
		return ops.Pass(fmt.Sprintf("%s takes rows (%s, rolled back)", w.Table, things{"statement", "statements"}.counted(writer.done)))
	}
	fault := serverError(err)
	statement := ops.Fact{Name: "statement", Value: strings.Join(strings.Fields(writer.at), " ")}
	if fault == nil {
		if writer.surprise == "" {
			return v.unanswered(err)
		}
		remedy := cmp.Or(writer.remedy, "compare the table, its constraints and its triggers with the migrations of "+v.Release.Name)
		return ops.Fail(w.Table+": "+writer.surprise, remedy, statement)
	}
	switch fault.Code {
	case codeLockTimeout, codeDeadlock, codeCancelled:
		return v.unanswered(err)
	case codeReadOnly:
		return ops.Skip("nothing can be written here: " + fault.Message)
	case codeForbidden:
		return ops.Fail(w.Table+" cannot be written by "+user,
			fmt.Sprintf("GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s;", v.qualified(w.Table), quoted(user)),
			statement, ops.Fact{Name: "server", Value: fault.Message})
	}
	facts := []ops.Fact{statement, {Name: "server", Value: fmt.Sprintf("%s (%s)", fault.Message, fault.Code)}}
	for _, more := range []ops.Fact{{Name: "detail", Value: fault.Detail}, {Name: "where", Value: fault.Where}} {
		if more.Value != "" {
			more.Value = strings.Join(strings.Fields(more.Value), " ")
			facts = append(facts, more)
		}
	}
	return ops.Fail(w.Table+" does not take rows: "+fault.Message,
		"mend what the server names, then: "+v.command("validate"), facts...)
}
