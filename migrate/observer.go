package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5"
)

const (
	// observeEvery is how often the server is asked what a long statement does; it
	// is more often when lock_timeout would strike between two questions.
	observeEvery = 250 * time.Millisecond
	observeLeast = 20 * time.Millisecond
	// tellEvery is how often a running file is reported.
	tellEvery = time.Second
	// observeLimit bounds one question.
	observeLimit = 3 * time.Second
)

// errWaitsForUs is the deadlock no detector sees: a statement with CONCURRENTLY
// waits for a session that waits for the migration lock we hold.
var errWaitsForUs = errors.New("it waits for a session that waits for the migration lock held here")

// observer looks at our session from another one while a statement runs: who
// blocks it, which nobody can tell once lock_timeout has struck, and how far it is.
type observer struct {
	e    *engine
	stop context.CancelFunc
	done chan struct{}

	mu  sync.Mutex
	job *observed

	conn *pgx.Conn // of the observer's own goroutine
	mute bool      // it could not connect; that is said once
}

// observed is what is being looked at.
type observed struct {
	file               File
	statement, attempt int
	pid                uint32
	// locks are the migration locks, for the session may wait for who waits for them.
	locks         []int64
	started, told time.Time
	phase         string
	abandon       context.CancelCauseFunc
	seen          sighting
}

// sighting is what was seen last.
type sighting struct {
	blockers []pg.Holder
	// on is what the lock is on, e.g. "public.users".
	on string
}

func newObserver(ctx context.Context, e *engine) *observer {
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	o := &observer{e: e, stop: stop, done: make(chan struct{})}
	go o.loop(watching)
	return o
}

func (o *observer) close() {
	o.stop()
	<-o.done
}

func (o *observer) interval() time.Duration {
	return max(min(observeEvery, o.e.o.LockTimeout/5), observeLeast)
}

// over begins to look at the engine's session; the function it returns ends that
// and says what was seen. abandon, where given, ends a statement that can never end.
func (o *observer) over(f File, statement, attempt int, abandon context.CancelCauseFunc) func() sighting {
	now := time.Now()
	job := &observed{
		file: f, statement: statement, attempt: attempt, pid: o.e.conn.PgConn().PID(),
		started: now, told: now, abandon: abandon,
	}
	if abandon != nil && o.e.o.LockLost != nil { // the lock is held for us
		ids := pg.MigrateLockIDs(o.e.target.Database, o.e.applied.State.Schema, VersionTable)
		job.locks = []int64{ids[0], ids[1], pg.OperatorLockID}
	}
	o.mu.Lock()
	o.job = job
	o.mu.Unlock()
	return func() sighting {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.job = nil
		return job.seen
	}
}

func (o *observer) loop(ctx context.Context) {
	defer close(o.done)
	defer func() { closeConn(ctx, o.conn) }()
	ticker := time.NewTicker(o.interval())
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		o.mu.Lock()
		job := o.job
		o.mu.Unlock()
		// Most files are over before there is anything to see.
		if job != nil && time.Since(job.started) >= o.interval() {
			o.look(ctx, job)
		}
	}
}

// look asks once, and tells.
func (o *observer) look(ctx context.Context, job *observed) {
	limited, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	if !o.connected(limited) {
		return
	}
	now, err := askActivity(limited, o.conn, job.pid)
	if err != nil {
		return // the next question may be answered
	}
	var trapped bool
	if now.waits {
		now.blockers, err = pg.Blockers(limited, o.conn, job.pid)
		if err != nil {
			return
		}
		trapped = job.locks != nil && o.trapped(limited, job.locks, now.blockers)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.job != job {
		return // over meanwhile
	}
	o.tell(job, now)
	if trapped {
		job.abandon(errWaitsForUs)
	}
}

// trapped reports whether a blocker waits for the migration lock.
func (o *observer) trapped(ctx context.Context, locks []int64, blockers []pg.Holder) bool {
	waiting, err := pg.Waiting(ctx, o.conn, locks...)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(waiting, func(w pg.Holder) bool {
		return slices.ContainsFunc(blockers, func(b pg.Holder) bool { return b.PID == w.PID })
	})
}

// tell emits what is new; o.mu is held, so that nothing is told of a statement
// that is over.
func (o *observer) tell(job *observed, now activity) {
	event := Event{File: job.file, Statement: job.statement, Attempt: job.attempt, Took: time.Since(job.started)}
	if now.waits && len(now.blockers) > 0 {
		isNew := !slices.EqualFunc(job.seen.blockers, now.blockers, func(a, b pg.Holder) bool { return a.PID == b.PID })
		job.seen = sighting{blockers: now.blockers, on: now.on}
		if isNew {
			event.Kind, event.Blockers = Waiting, now.blockers
			event.Text = fmt.Sprintf("%s waits for a lock on %s held by %s", job.file.ID(), now.on, nameHolders(now.blockers))
			o.e.emit(event)
		}
		return
	}
	if time.Since(job.told) < tellEvery && now.phase == job.phase {
		return
	}
	job.told, job.phase = time.Now(), now.phase
	event.Kind, event.Phase, event.Done, event.Total = Running, now.phase, now.done, now.total
	event.Text = now.describe(job)
	o.e.emit(event)
}

func (o *observer) connected(ctx context.Context) bool {
	if o.conn != nil && !o.conn.IsClosed() {
		return true
	}
	conn, err := pg.Connect(ctx, o.e.target, pg.ConnOptions{
		Application: o.e.o.Application, StatementTimeout: observeLimit, ReadOnly: true,
	})
	if err != nil {
		if !o.mute && ctx.Err() == nil {
			o.mute = true
			o.mu.Lock()
			defer o.mu.Unlock()
			if o.job != nil {
				o.e.emit(Event{Kind: Note, File: o.job.file, Statement: -1, Text: "who blocks a file cannot be seen: " + err.Error()})
			}
		}
		return false
	}
	o.conn = conn
	_, err = simple(ctx, conn, "SET ROLE NONE") // see sessionBegan
	return err == nil
}
