package backup

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/pg"
)

// lockWatchEvery is how often it is looked whether pg_dump waits for a lock.
const lockWatchEvery = 500 * time.Millisecond

// lockWatch looks, while pg_dump takes its locks, who keeps it waiting: when it
// gives up, they are gone from the server's view.
type lockWatch struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex
	blockers []pg.Holder
}

func (d *dumping) watchLocks(ctx context.Context) *lockWatch {
	watching, cancel := context.WithCancel(ctx)
	w := &lockWatch{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.run(watching, d)
	}()
	return w
}

// stop ends the watch and waits until it has ended.
func (w *lockWatch) stop() {
	w.cancel()
	<-w.done
}

// last are the sessions that blocked pg_dump when last looked.
func (w *lockWatch) last() []pg.Holder {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.blockers
}

// run connects only when pg_dump takes longer than usual. Without a connection
// to spare there is nobody to name, and the backup goes on.
func (w *lockWatch) run(ctx context.Context, d *dumping) {
	tick := time.NewTicker(lockWatchEvery)
	defer tick.Stop()
	var conn *pgx.Conn
	for {
		select {
		case <-ctx.Done():
			if conn != nil {
				limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
				defer cancel()
				_ = conn.Close(limited) // it only looked
			}
			return
		case <-tick.C:
		}
		if conn == nil {
			var err error
			if conn, err = pg.Connect(ctx, d.s.o.Target, pg.ConnOptions{Application: d.s.o.Application, StatementTimeout: cleanUpTimeout}); err != nil {
				continue
			}
		}
		w.look(ctx, conn, d)
	}
}

func (w *lockWatch) look(ctx context.Context, conn *pgx.Conn, d *dumping) {
	var pid uint32
	err := conn.QueryRow(ctx, `
		SELECT pid FROM pg_catalog.pg_stat_activity
		 WHERE datname = current_database() AND usename = session_user AND left(application_name, length($1)) = $1 AND wait_event_type = 'Lock'`,
		d.session).Scan(&pid)
	if err != nil {
		return // it does not wait
	}
	blockers, err := pg.Blockers(ctx, conn, pid)
	if err != nil || len(blockers) == 0 {
		return
	}
	w.mu.Lock()
	w.blockers = blockers
	w.mu.Unlock()
	d.tell(fmt.Sprintf("waits for a lock held by %s", blockers[0]))
}
