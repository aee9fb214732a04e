package preflight

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
)

// The groups, in the order in which they stand.
const (
	groupEnvironment   = "environment"
	groupFiles         = "files"
	groupDatabase      = "database"
	groupPrerequisites = "prerequisites"
	groupState         = "state"
	groupActivity      = "activity"
)

// entry is one check of the catalogue.
type entry struct {
	id    string
	group string
	// title says what holds when all is well.
	title string
	// fatal says that a finding stops the operation.
	fatal bool
	// offline is set for what needs no connection.
	offline bool
	// ancient is set for what also makes sense on a server that is too old.
	ancient bool
	run     func(context.Context, *inspection) ops.Result
}

// inspection is one Input under inspection, with the questions that several
// checks ask answered once. Checks run one after the other.
type inspection struct {
	Input
	sight   *bool
	touched []relation
	asked   bool
}

// Checks returns the checks of what is given, in the order of their groups.
func Checks(in Input) []ops.Check {
	in.settle()
	i := &inspection{Input: in}
	var checks []ops.Check
	for _, e := range catalogue(in.Release) {
		checks = append(checks, ops.Check{
			ID: e.id, Group: e.group, Title: e.title, Fatal: e.fatal,
			Run: func(ctx context.Context) ops.Result { return e.evaluate(ctx, i) },
		})
	}
	return checks
}

// Catalogue returns every check there is for the embedded release; nothing is
// given to them, so they are for reading, not for running.
func Catalogue() []ops.Check {
	return Checks(Input{Release: release.Moderation()})
}

func catalogue(rel *release.Release) []entry {
	return slices.Concat(
		environmentEntries(),
		fileEntries(),
		databaseEntries(),
		prerequisiteEntries(rel),
		stateEntries(rel),
		activityEntries(),
	)
}

func (e entry) evaluate(ctx context.Context, i *inspection) ops.Result {
	if !e.offline {
		switch {
		case i.Conn == nil:
			return ops.Skip("no connection")
		case i.tooOld() && !e.ancient:
			return ops.Skip("the server is too old (db.version)")
		case i.Conn.IsClosed():
			return ops.Broken(errors.New("the connection was lost"), "run the same command again")
		}
	}
	r := e.run(ctx, i)
	if notLocked(r.Err) && i.Conn != nil {
		r = i.nameLockers(ctx, r)
	}
	return r
}

// notLocked reports whether a question was given up because a table is locked.
func notLocked(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == "55P03" // lock_not_available
}

// settle fills in the defaults.
func (in *Input) settle() {
	if in.Release == nil {
		in.Release = &release.Release{Schema: "public"}
	}
	if in.BackupDir == "" && in.Config != nil {
		in.BackupDir = in.Config.BackupDir
	}
	if in.State.Schema == "" {
		in.State.Schema = in.Server.Schema
	}
	if in.State.Schema == "" {
		in.State.Schema = "public"
	}
	if in.State.Rows == 0 && !in.State.Dirty {
		in.State.Version = -1
	}
	if in.Conn != nil {
		in.OwnPIDs = append(slices.Clone(in.OwnPIDs), int(in.Conn.PgConn().PID()))
	}
	th := &in.Thresholds
	for _, limit := range []struct {
		set                *time.Duration
		release, otherwise time.Duration
	}{
		{&th.LongTransaction, in.Release.Thresholds.LongTransaction, 5 * time.Minute},
		{&th.IdleTransaction, 0, time.Minute},
		{&th.LockHeld, 0, 2 * time.Second},
		{&th.ReplicationLag, 0, 10 * time.Second},
	} {
		if *limit.set == 0 {
			*limit.set = limit.release
		}
		if *limit.set == 0 {
			*limit.set = limit.otherwise
		}
	}
	if th.ReplicationBytes == 0 {
		th.ReplicationBytes = 1_000_000_000
	}
	if th.DumpRatio == 0 {
		th.DumpRatio = 0.5
	}
}

// schema is where the release's objects stand.
func (i *inspection) schema() string {
	if i.Release.Schema == "" {
		return "public"
	}
	return i.Release.Schema
}

// named reports whether there is a release to speak of.
func (i *inspection) named() bool { return len(i.Release.Migrations) > 0 }
