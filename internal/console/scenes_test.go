package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

// scene plays a run to a sink with a clock that only moves when told.
type scene struct {
	now time.Time
	run *ops.Run
}

func play(sink ops.Sink, command string) *scene {
	s := &scene{now: time.Date(2026, 2, 13, 3, 15, 2, 0, time.UTC)}
	s.run = ops.Begin(ops.Header{
		ID: "01JKX5T9Q2Z8V6M4N7B3C1D0EF", Command: command, Environment: "production", Release: "moderation 11–97",
		Database: "postgres://clipper@db.internal:5432/clipper_db?sslmode=require", Operator: "alice", Host: "ops1", Version: "1.0.0",
	}, sink, func() time.Time { return s.now })
	return s
}

func (s *scene) pass(d time.Duration) { s.now = s.now.Add(d) }

func (s *scene) step(name string, body func(*ops.Step) error) error {
	return s.run.Do(context.Background(), name, func(_ context.Context, step *ops.Step) error { return body(step) })
}

func (s *scene) end(err error) {
	s.run.Finish(err)
	s.run.Announce()
}

func check(id string, r ops.Result) ops.Result {
	r.ID, r.Title, r.Took = id, "title of "+id, 2*time.Millisecond
	return r
}

// hostile is what an application may call itself in pg_stat_activity.
const hostile = "metabase\x1b[2J\x1b]0;owned\x07\n✓ All pre-flight checks passed!\u202e"

// preflight is a checklist with every status, evidence and a name that is an attack.
func preflight(sink ops.Sink) {
	s := play(sink, "preflight")
	_ = s.step("database", func(step *ops.Step) error {
		step.Record(check("db.version", ops.Pass("PostgreSQL 15.20 (12 or newer)", ops.Fact{Name: "server_version_num", Value: "150020"})))
		step.Record(check("db.primary", ops.Pass("primary, writable")))
		step.Record(check("db.connections", ops.Warn("91 of 100 connections in use", "close idle clients, or raise max_connections",
			ops.Fact{Value: "the migration needs 4; 6 are free for ordinary roles"})))
		s.pass(300 * time.Millisecond)
		return nil
	})
	_ = s.step("activity", func(step *ops.Step) error {
		step.Record(check("activity.long_tx", ops.Fail("a transaction has been open for 47 min", "SELECT pg_terminate_backend(8123);   then run preflight again",
			ops.Fact{Name: "pid 8123", Value: "user report  app " + hostile + "  idle in transaction since 02:14:09"},
			ops.Fact{Value: "it would block ALTER TABLE on users, and everyone behind it"})))
		step.Record(check("activity.waits", ops.Skip("the activity of other roles cannot be seen")))
		s.pass(100 * time.Millisecond)
		return nil
	})
	s.run.Conclusion = []string{"Pre-flight checks failed!"}
	s.run.Next = []string{"Fix activity.long_tx, then: clipperops preflight --env production"}
	s.end(nil)
}

// migrate is a flow with progress, a question, a wait and, when asked for, a failure.
func migrate(c *Console, fails bool) {
	s := play(c, "migrate")
	_ = s.step("plan", func(step *ops.Step) error {
		s.pass(40 * time.Millisecond)
		step.Record(ops.Pass("10 → 97, 5 files, all in transactions, all reversible",
			ops.Fact{Name: "000011 add_moderation_audit_logs", Value: "creates 1 table, 7 indexes; alters clip_submissions"},
			ops.Fact{Name: "000049 add_moderation_queue_system", Value: "creates 2 tables, 10 indexes, 1 trigger"}))
		return nil
	})
	_ = s.step("preflight", func(step *ops.Step) error {
		for _, id := range strings.Fields("db.version db.primary db.tls db.locks db.clock") {
			step.Record(check(id, ops.Pass("fine")))
		}
		step.Record(check("db.connections", ops.Warn("91 of 100 connections in use", "close idle clients, or raise max_connections",
			ops.Fact{Value: "the migration needs 4; 6 are free for ordinary roles"})))
		s.pass(400 * time.Millisecond)
		return nil
	})
	_ = s.step("backup", func(step *ops.Step) error {
		for done := int64(0); done <= 1_900_000_000; done += 95_000_000 {
			step.Progress(ops.Progress{Label: "pg_dump", Done: done, Total: 1_900_000_000, Unit: ops.UnitBytes})
			s.pass(time.Second)
		}
		step.Record(ops.Pass("db-20260213-031502.sql.gz   1.9 GB → 212 MB"))
		return nil
	})
	err := c.Ask(context.Background(), ops.Question{
		Lines: []string{"This changes production: clipper@db.internal/clipper_db, version 10 → 97."}, Word: "yes",
	})
	if err == nil {
		err = s.step("apply", func(step *ops.Step) error { return apply(s, step, fails) })
	}
	if err == nil {
		s.run.Conclusion = []string{"All validation checks passed!", "Moderation system is ready for use."}
		s.run.Next = []string{"undo with: clipperops rollback --target 10 --env production"}
	}
	s.run.Finish(err)
	s.run.Attach(ops.Artifact{Kind: "report", Path: "/home/alice/reports/migrate-production-20260213-031502.html"})
	s.run.Announce()
}

func apply(s *scene, step *ops.Step, fails bool) error {
	first := ops.Pass("000011 add_moderation_audit_logs")
	first.Took = 210 * time.Millisecond
	s.pass(first.Took)
	step.Record(first)
	step.Note("000049 waits for a lock on users held by pid 8330 (clipper-backend, 3 s); giving way, next try in 1.4 s")
	s.pass(1400 * time.Millisecond)
	if !fails {
		second := ops.Pass("000049 add_moderation_queue_system (2nd try)")
		second.Took = 180 * time.Millisecond
		step.Record(second)
		return nil
	}
	return &ops.Failure{
		Code: ops.ExitFailed,
		What: "000049_add_moderation_queue_system.up.sql failed; nothing of it was applied",
		Detail: []string{
			`line 12: ERROR relation "userz" does not exist (42P01)`,
			"    assigned_to UUID REFERENCES userz(id) ON DELETE SET NULL,",
			"                                ^",
		},
		State: []string{"the database is at version 11, clean; 000011 was applied in this run (0.2 s)"},
		Next:  []string{"mend the file and run the same command again, or: clipperops rollback --target 10 --env production"},
		Err:   errors.New("relation does not exist"),
	}
}

// screen is a writer that others may read while it is written to.
type screen struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{}
}

func newScreen() *screen { return &screen{changed: make(chan struct{}, 1)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// await waits until the screen's text, as a terminal would show it, holds want.
func (s *screen) await(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !strings.Contains(s.String(), want) {
		select {
		case <-s.changed:
		case <-deadline:
			t.Fatalf("%q never came in\n%q", want, s.String())
		}
	}
}

// follow copies what a terminal is sent to the screen until the terminal is closed.
func (s *screen) follow(r io.Reader) {
	_, _ = io.Copy(s, r)
}

// rendered is what a terminal shows after text: it knows the few escapes that a
// live line is drawn with.
func rendered(text string) string {
	rows, row, column := []string{""}, 0, 0
	put := func(r rune) {
		line := []rune(rows[row])
		for len(line) <= column {
			line = append(line, ' ')
		}
		line[column] = r
		rows[row] = string(line)
		column++
	}
	for len(text) > 0 {
		if rest, ok := strings.CutPrefix(text, "\x1b["); ok {
			end := strings.IndexFunc(rest, func(r rune) bool { return r >= '@' && r <= '~' })
			switch rest[end] {
			case 'A':
				n := 0
				for _, d := range rest[:end] {
					n = n*10 + int(d-'0')
				}
				row = max(0, row-n)
			case 'J':
				rows = append(rows[:row], string([]rune(rows[row])[:min(column, len([]rune(rows[row])))]))
			}
			text = rest[end+1:]
			continue
		}
		r := []rune(text)[0]
		text = text[len(string(r)):]
		switch r {
		case '\n':
			row, column = row+1, 0
			if row == len(rows) {
				rows = append(rows, "")
			}
		case '\r':
			column = 0
		default:
			put(r)
		}
	}
	for i := range rows {
		rows[i] = strings.TrimRight(rows[i], " ")
	}
	return strings.Join(rows, "\n")
}
