package migrate

import (
	"context"
	"errors"
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
	// waitEvery is how often it is asked while the statement waits for a lock, or
	// more often, to give way in time.
	waitEvery = 50 * time.Millisecond
	waitLeast = 10 * time.Millisecond
	// tellEvery is how often a running file is reported.
	tellEvery = time.Second
	// observeLimit bounds one question.
	observeLimit = 3 * time.Second
)

// errWaitsForUs is the deadlock no detector sees: a statement with CONCURRENTLY
// waits for a session that waits for the migration lock we hold.
var errWaitsForUs = errors.New("it waits for a session that waits for the migration lock held here")

// observer looks at our session from another one while a statement runs: who
// blocks it, which nobody can tell once lock_timeout has struck, how long it has
// waited in all, and how far it is.
type observer struct {
	e    *engine
	stop context.CancelFunc
	done chan struct{}

	mu  sync.Mutex
	job *observed
	// ended is for Applied; said is what was told already.
	ended []pg.Holder
	said  map[string]bool

	conn *pgx.Conn // of the observer's own goroutine
}

func newObserver(ctx context.Context, e *engine) *observer {
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	o := &observer{e: e, stop: stop, done: make(chan struct{}), said: map[string]bool{}}
	go o.loop(watching)
	return o
}

// close ends it; who was ended is in applied then.
func (o *observer) close() {
	o.stop()
	<-o.done
	o.e.applied.Ended = append(o.e.applied.Ended, o.ended...)
}

// interval is how often to look at a statement, pace how often at one that waits.
func (o *observer) interval() time.Duration {
	return max(min(observeEvery, o.e.o.LockTimeout/5), observeLeast)
}

func (o *observer) pace() time.Duration {
	return max(min(waitEvery, o.e.o.LockTimeout/20), waitLeast)
}

// over begins to look at the engine's session; the function it returns ends that
// and says what was seen. abandon, where given, ends a statement that can never end.
func (o *observer) over(f File, statement, attempt int, abandon context.CancelCauseFunc) func() sighting {
	now := time.Now()
	job := &observed{
		file: f, statement: statement, attempt: attempt, pid: o.e.conn.PgConn().PID(), began: o.e.began,
		patience: f.patience(statement, o.e.o.LockTimeout), expected: o.e.expects(f, statement),
		started: now, told: now, next: now.Add(o.interval()), abandon: abandon,
	}
	if attempt > 1 { // somebody was in the way, and may be still
		job.next = now.Add(o.pace())
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
		job.seen.waited = job.waits.total(time.Now())
		return job.seen
	}
}

func (o *observer) loop(ctx context.Context) {
	defer close(o.done)
	defer func() { closeConn(ctx, o.conn) }()
	ticker := time.NewTicker(o.pace())
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
		if job != nil && !time.Now().Before(job.next) {
			job.next = time.Now().Add(o.look(ctx, job))
		}
	}
}

// look asks once, tells, and does what has to be done about it. It returns how long
// until the next look.
func (o *observer) look(ctx context.Context, job *observed) time.Duration {
	limited, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	if !o.connected(limited) {
		return o.interval()
	}
	now, err := askActivity(limited, o.conn, job.pid)
	if err != nil {
		return o.interval() // the next question may be answered
	}
	at := time.Now()
	fresh := now.waits && (now.lock != job.waits.lock || at.Sub(job.asked) >= o.interval())
	var trapped bool
	if fresh { // not each time: the server stops the lock table while it answers
		job.asked = at
		now.blockers, err = pg.Blockers(limited, o.conn, job.pid)
		if err != nil {
			return o.pace()
		}
		trapped = job.locks != nil && o.trapped(limited, job.locks, now.blockers)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.job != job {
		return 0 // over meanwhile
	}
	job.waits.see(at, now)
	if !now.waits || fresh {
		o.tell(job, now)
	}
	switch {
	case trapped:
		job.abandon(errWaitsForUs)
	case now.waits:
		o.endIdle(limited, job, now.blockers)
		o.giveWay(limited, job)
		return o.pace()
	}
	return o.interval()
}

// giveWaySQL cancels what still waits, and nothing else.
const giveWaySQL = `
SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity
 WHERE pid = $1::int AND ` + beganSQL + ` = $2 AND wait_event_type = 'Lock'`

// giveWay ends a statement whose waits together are longer than one of them may be;
// o.mu is held, so that the statement is the one that was looked at.
func (o *observer) giveWay(ctx context.Context, job *observed) {
	if job.seen.stopped || !job.waits.tooMuch(time.Now(), job.patience) {
		return
	}
	var sent bool
	err := o.conn.QueryRow(ctx, giveWaySQL, int32(job.pid), job.began).Scan(&sent)
	job.seen.stopped = err == nil && sent // else lock_timeout will end it
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

func (o *observer) connected(ctx context.Context) bool {
	if o.conn != nil && !o.conn.IsClosed() {
		return true
	}
	conn, err := pg.Connect(ctx, o.e.target, pg.ConnOptions{
		Application: o.e.o.Application, StatementTimeout: observeLimit, ReadOnly: true,
	})
	if err != nil {
		if ctx.Err() == nil {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.once("who blocks a file cannot be seen", err.Error())
		}
		return false
	}
	o.conn = conn
	_, err = simple(ctx, conn, "SET ROLE NONE") // see sessionBegan
	return err == nil
}
