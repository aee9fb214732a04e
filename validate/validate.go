package validate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
	"github.com/jackc/pgx/v5"
)

// The groups the results stand under.
const (
	groupSchema      = "schema"
	groupData        = "data"
	groupPerformance = "performance"
	groupWrites      = "writes"
)

// checkTimeout bounds one check from this side; the server's own timeouts are
// shorter, so that it is the server that says what took so long.
const checkTimeout = time.Minute

// Input is what validation is about.
type Input struct {
	// Conn must be able to write, or the write tests skip. Nobody else may use it
	// while the checks run.
	Conn *pgx.Conn
	// ConnErr is why there is no Conn.
	ConnErr error
	Release *release.Release
	// Version and Dirty are the row of schema_migrations; -1 where there is none.
	Version int64
	Dirty   bool
	// Environment goes into the commands that fixes suggest; empty leaves it out.
	Environment string
}

// Checks returns the checks for a database at that version. Before the release
// is applied, or where the version says nothing, it is one check that says so.
func Checks(in Input) []ops.Check {
	v := &validation{Input: in}
	version := v.versionCheck()
	if in.ConnErr != nil || in.Conn == nil || in.Dirty || len(v.applied()) == 0 {
		return []ops.Check{version}
	}
	return append([]ops.Check{version}, v.checks()...)
}

// Catalogue lists every check there is for a release that is applied in full,
// for documentation; they are not made to be run.
func Catalogue(r *release.Release) []ops.Check {
	v := &validation{Input: Input{Release: r, Version: int64(r.Target)}}
	return append([]ops.Check{v.versionCheck()}, v.checks()...)
}

// validation is one Input with what its checks share.
type validation struct {
	Input
	loaded    *catalog
	loadedErr error
}

// checks makes the checks for the migrations that are applied.
func (v *validation) checks() []ops.Check {
	var checks []ops.Check
	tables := v.Release.TablesAt(v.at())
	checks = append(checks, v.tableChecks(tables)...)
	checks = append(checks, v.functionChecks()...)
	checks = append(checks, v.keyCheck(), v.invalidIndexCheck())
	checks = append(checks, v.probeChecks()...)
	checks = append(checks, v.planChecks()...)
	checks = append(checks, v.writeChecks()...)
	for i := range checks {
		checks[i].Timeout = checkTimeout
	}
	return checks
}

// at is the version that promises are judged by: beyond the target the release
// promises nothing more.
func (v *validation) at() int64 {
	return min(v.Version, int64(v.Release.Target))
}

// applied lists the migrations of the release that the database has.
func (v *validation) applied() []release.Migration {
	return v.Release.Migrations[:len(v.Release.Migrations)-len(v.Release.Pending(v.Version))]
}

// versionCheck says how far the release is applied. It is fatal, and yet a
// release that is not there, or not all of it, is no failure: whoever asked for
// version 50 has what he asked for.
func (v *validation) versionCheck() ops.Check {
	return ops.Check{
		ID:    "validate.version",
		Title: "the release is applied, all of it",
		Group: groupSchema,
		Fatal: true,
		Run:   func(context.Context) ops.Result { return v.versionResult() },
	}
}

func (v *validation) versionResult() ops.Result {
	r := v.Release
	switch {
	case v.ConnErr != nil:
		return ops.Broken(v.ConnErr, "mend the connection, then: "+v.command("validate"))
	case v.Conn == nil:
		return ops.Broken(errors.New("there is no connection"), v.command("validate"))
	case v.Dirty:
		return ops.Fail(
			fmt.Sprintf("version %d is marked dirty: a migration was broken off, and what is there cannot be told from the version", v.Version),
			"find out how far it came, and mend it: "+v.command("migrate repair"),
			ops.Fact{Name: "schema_migrations", Value: fmt.Sprintf("version %d, dirty", v.Version)})
	}
	pending := r.Pending(v.Version)
	if len(pending) == 0 {
		return ops.Pass(fmt.Sprintf("version %d: all %d migrations of %s are applied", v.Version, len(r.Migrations), r.Name))
	}
	facts := []ops.Fact{{Name: "schema_migrations", Value: v.versionText()}}
	for _, m := range pending {
		facts = append(facts, ops.Fact{Name: "missing", Value: m.FileName("up")})
	}
	if len(v.applied()) == 0 {
		skip := ops.Skip(fmt.Sprintf("%s is not applied: the database is at %s, and %s begins with %d",
			r.Name, v.versionText(), r.Name, r.First()))
		skip.Evidence, skip.Fix = facts, v.command("migrate")
		return skip
	}
	return ops.Warn(fmt.Sprintf("%s is applied in part: the database is at %s, and %d of %d migrations are missing",
		r.Name, v.versionText(), len(pending), len(r.Migrations)), v.command("migrate"), facts...)
}

func (v *validation) versionText() string {
	if v.Version < 0 {
		return "no version"
	}
	return fmt.Sprintf("version %d", v.Version)
}

// command is what an operator would type in this environment.
func (v *validation) command(verb string) string {
	parts := []string{"clipperops", verb}
	if v.Environment != "" {
		parts = append(parts, "--env", v.Environment)
	}
	return strings.Join(parts, " ")
}
