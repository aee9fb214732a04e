package rehearsal

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// Input is what a rehearsal needs.
type Input struct {
	// Clone is a database that nobody else uses. It is changed, and not given back as
	// it was.
	Clone config.Target
	// Plan is what is to be rehearsed.
	Plan *migrate.Plan
	// Back is the way back over the same versions, nil when there is none; NoWayBack then
	// says why, and may be nil as well.
	Back      *migrate.Plan
	NoWayBack error
	// Again goes the plan's way once more when the way back was gone, whole, exactly as
	// the plan will be applied.
	Again bool
	// OwnServer says that the clone's server is thrown away with it. Without that, a file
	// which changes what all databases of a server share, such as roles, is refused: it
	// would change them for the database itself.
	OwnServer bool
	// Mode, Place and Sizes are handed on to the Outcome. Default of Mode: SchemaOnly.
	Mode  Mode
	Place string
	Sizes map[string]Size
	// Application is what others see in pg_stat_activity. Default: "clipperops rehearse".
	Application string
	// AfterThere looks at the clone after the first pass, before being its schema at the
	// beginning. What it finds is the caller's; its error ends the rehearsal.
	AfterThere func(ctx context.Context, conn *pgx.Conn, before *pg.Snapshot) error
	// OnEvent is told what happens on the clone, as in migrate.ApplyOptions.
	OnEvent func(migrate.Event)

	// dear is how long a file may be measured before that must not take longer than its
	// statements do. Default: tooDear.
	dear time.Duration
}

// Run rehearses: the plan, measured; the way back, measured; and the plan again. A pass
// that fails is the last one, and its failure stands in the Outcome.
//
// The error is that of a rehearsal which could not be carried out, so that it proves
// nothing: ctx is done, the connection to the clone is lost, the clone's server has no
// room left. The Outcome then holds what was found until there.
func Run(ctx context.Context, in Input) (*Outcome, error) {
	in.complete()
	r := &rehearsal{Input: in, started: time.Now(), outcome: &Outcome{
		Plan: in.Plan, Mode: in.Mode, Place: in.Place, NoWayBack: in.NoWayBack, Sizes: maps.Clone(in.Sizes),
	}}
	err := r.run(ctx)
	r.outcome.Took = time.Since(r.started)
	return r.outcome, err
}

func (in *Input) complete() {
	if in.Mode == "" {
		in.Mode = SchemaOnly
	}
	if in.Application == "" {
		in.Application = "clipperops rehearse"
	}
	if in.dear == 0 {
		in.dear = tooDear
	}
	if in.OnEvent == nil {
		in.OnEvent = func(migrate.Event) {}
	}
}

// rehearsal is one call of Run.
type rehearsal struct {
	Input
	started time.Time
	outcome *Outcome
	// look is a connection to the clone on which nothing is changed.
	look *pgx.Conn
	// version is the engine's own table.
	version versionTable
	// guards are the sessions of a guard, opened when one is needed.
	guards [2]*pgx.Conn
	// schema is the clone's after the last pass.
	schema *pg.Snapshot
}

func (r *rehearsal) run(ctx context.Context) error {
	conn, err := pg.Connect(ctx, r.Clone, pg.ConnOptions{Application: r.Application})
	if err != nil {
		return err
	}
	r.look = conn
	defer func() {
		for _, conn := range []*pgx.Conn{r.look, r.guards[0], r.guards[1]} {
			if conn != nil {
				closeConn(ctx, conn)
			}
		}
	}()
	if r.version, err = readVersionTable(ctx, conn); err != nil {
		return notCarriedOut(ctx, "where the clone stands cannot be read", err)
	}
	if err := r.keepInside(ctx); err != nil {
		return err
	}
	if r.outcome.Before, err = r.snapshot(ctx); err != nil {
		return err
	}
	r.schema = r.outcome.Before
	if r.Mode == WithData {
		if r.outcome.CloneSizes, err = ReadSizes(ctx, conn); err != nil {
			return notCarriedOut(ctx, "how large the clone's tables are cannot be read", err)
		}
	}
	if more, err := r.pass(ctx, There, r.Plan); !more {
		return err
	}
	if r.AfterThere != nil {
		if err := r.AfterThere(ctx, r.look, r.outcome.Before); err != nil {
			return err
		}
	}
	if r.Back == nil {
		return nil
	}
	if more, err := r.pass(ctx, Back, r.Back); !more || !r.Again {
		return err
	}
	_, err = r.pass(ctx, Again, fromTheBeginning(r.Plan))
	return err
}

// keepInside refuses plans that act outside the clone, where others use its server.
func (r *rehearsal) keepInside(ctx context.Context) error {
	if r.OwnServer {
		return nil
	}
	out, err := readReach(ctx, r.look)
	if err != nil {
		return notCarriedOut(ctx, "the clone's functions cannot be read", err)
	}
	for _, plan := range []*migrate.Plan{r.Plan, r.Back} {
		if plan == nil {
			continue
		}
		if err := out.staysHome(plan); err != nil {
			return err
		}
	}
	return nil
}

// snapshot reads the clone's schema.
func (r *rehearsal) snapshot(ctx context.Context) (*pg.Snapshot, error) {
	s, err := pg.TakeSnapshot(ctx, r.look, pg.SnapshotOptions{})
	if err != nil {
		return nil, notCarriedOut(ctx, "the clone's schema cannot be read", err)
	}
	return s, nil
}

// fromTheBeginning is the plan as it is when nothing of it is done yet.
func fromTheBeginning(p *migrate.Plan) *migrate.Plan {
	if !p.Resumes {
		return p
	}
	whole := *p
	whole.Resumes = false
	whole.Files = append([]migrate.File(nil), p.Files...)
	whole.Files[0].Done = 0
	whole.SHA256 = whole.Digest()
	return &whole
}

// notCarriedOut is the error of a rehearsal that proves nothing.
func notCarriedOut(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the rehearsal was interrupted: %w", pg.Cause(ctx, err))
	}
	f := &ops.Failure{What: "the rehearsal could not be carried out: " + what, Detail: []string{err.Error()}, Err: err}
	if given := ops.AsFailure(err); given != nil && given.Err != err && len(given.Detail) > 0 {
		f.Detail = append([]string{given.What}, given.Detail...)
	}
	return f
}

// cleanUp bounds what is done when a rehearsal ends.
const cleanUp = 10 * time.Second

func closeConn(ctx context.Context, conn *pgx.Conn) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	_ = conn.Close(limited) // the server ends the session either way
}
