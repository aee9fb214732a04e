package runbook

import (
	"context"
	"fmt"
	"time"

	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/rollout/instances"
)

// openSource opens the metrics, unless they are open.
func (w *watching) openSource() (err error) {
	if w.src == nil {
		if w.src, err = w.metricsSource(); err == nil {
			w.step.Note(fmt.Sprintf("metrics: %s", w.src))
		}
	}
	return err
}

// lead connects and tries to become the one that acts.
func (w *watching) lead(ctx context.Context) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, rolloutConnect)
	defer cancel()
	if w.conn == nil {
		conn, err := w.connectRecord(limited, "rollout watch", false)
		if err != nil {
			return false, err
		}
		w.conn = conn
	}
	led, err := rollout.Lead(limited, w.conn, w.Release.Rollout.Flag)
	if err != nil || !led {
		if err != nil {
			w.part(ctx)
		}
		return false, err
	}
	record, err := w.readyRecord(limited, w.conn)
	if err != nil {
		err = w.unready(limited, w.conn, err)
		w.part(ctx)
		return false, err
	}
	store, err := w.store()
	if err != nil {
		return false, err
	}
	r := &w.Release.Rollout
	w.watcher = &rollout.Watcher{
		Controller: &rollout.Controller{
			Flag: r.Flag, Store: store, Record: record, Apply: w.applier(), Timeout: w.o.Propagation, Now: w.Now, RecordTime: w.RecordTime,
			Instances: instances.Client{Places: w.places(w.Config.Rollout.Instances)},
			By:        "rollout watch", Host: w.Host, Run: w.run.ID,
		},
		Release: r, Phases: r.In(string(w.Config.Environment)), Source: w.src, Every: w.o.Every, AutoAdvance: w.o.AutoAdvance, Tell: w.page,
	}
	return true, nil
}

// part gives the connection up, and the lead with it.
func (w *watching) part(ctx context.Context) {
	w.watcher = nil
	if w.conn == nil {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = w.conn.Close(limited) // the server ends the session either way
	w.conn = nil
}
