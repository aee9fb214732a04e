package reports

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

// stage is a run under construction with a clock that only moves when told.
type stage struct {
	t   *testing.T
	now time.Time
	run *ops.Run
}

func newStage(t *testing.T, command string) *stage {
	t.Helper()
	s := &stage{t: t, now: time.Date(2026, 2, 13, 3, 15, 2, 0, time.UTC)}
	s.run = ops.Begin(ops.Header{
		ID: "01JKX5T9Q2Z8V6M4N7B3C1D0EF", Command: command, Environment: "production", Release: "moderation 11–97",
		Database: "postgres://clipper@db.internal:5432/clipper_db?sslmode=require", Operator: "alice", Host: "ops1", Version: "1.0.0",
	}, nil, func() time.Time { return s.now })
	return s
}

func (s *stage) step(name string, took time.Duration, err error, results ...ops.Result) *stage {
	_ = s.run.Do(context.Background(), name, func(_ context.Context, step *ops.Step) error {
		for _, r := range results {
			step.Record(r)
		}
		s.now = s.now.Add(took)
		return err
	})
	return s
}

func (s *stage) finish(err error) *ops.Run {
	s.run.Finish(err)
	return s.run
}

// check makes a result what Check.Evaluate would have made of it.
func check(id, title string, r ops.Result) ops.Result {
	r.ID, r.Title, r.Took = id, title, 2*time.Millisecond
	return r
}

func timed(r ops.Result, took time.Duration) ops.Result {
	r.Took = took
	return r
}

// runs are the runs every format is shown with, by name.
func runs(t *testing.T) map[string]*ops.Run {
	t.Helper()
	return map[string]*ops.Run{
		"pass": passed(t), "warn": warned(t), "checks": checksFailed(t),
		"migrate": migrateFailed(t), "refused": refused(t), "interrupted": interrupted(t),
	}
}

func passed(t *testing.T) *ops.Run {
	s := newStage(t, "migrate")
	s.step("plan", 40*time.Millisecond, nil, ops.Pass("10 → 97, 2 files, all in transactions",
		ops.Fact{Name: "000011 add_moderation_audit_logs", Value: "creates 1 table, 7 indexes; alters clip_submissions"},
		ops.Fact{Name: "000049 add_moderation_queue_system", Value: "creates 2 tables, 10 indexes, 1 trigger"}))
	s.step("preflight", 400*time.Millisecond, nil,
		check("db.version", "server version", ops.Pass("PostgreSQL 15.20 (12 or newer)")),
		check("db.primary", "a primary", ops.Pass("primary, writable")),
		check("db.tls", "TLS", ops.Pass("TLS 1.3")),
		check("db.locks", "locks", ops.Pass("no locks on the tables of the plan")),
		check("api.health", "the service answers", ops.Skip("no address configured")))
	s.step("backup", 21*time.Second, nil, ops.Pass("db-20260213-031502.sql.gz   1.9 GB → 212 MB   restorable: not yet proven"))
	s.step("confirm", 3*time.Second, nil)
	s.step("apply", 390*time.Millisecond, nil,
		timed(ops.Pass("000011 add_moderation_audit_logs"), 210*time.Millisecond),
		timed(ops.Pass("000049 add_moderation_queue_system"), 180*time.Millisecond))
	s.run.Attach(ops.Artifact{Kind: "backup", Path: "/var/backups/clipper/db-20260213-031502.sql.gz", SHA256: "9f2c4ab1", Bytes: 212_000_000})
	s.run.Data = map[string]any{"plan": map[string]any{"from": 10, "to": 97}}
	s.run.Conclusion = []string{"✓ All validation checks passed!", "Moderation system is ready for use."}
	s.run.Next = []string{"clipperops rollback --target 10 --env production"}
	run := s.finish(nil)
	run.Attach(ops.Artifact{Kind: "report", Path: "/home/alice/.local/state/clipperops/reports/migrate-production-20260213-031502.html"})
	return run
}

func warned(t *testing.T) *ops.Run {
	s := newStage(t, "preflight")
	s.step("database", 300*time.Millisecond, nil,
		check("db.version", "server version", ops.Pass("PostgreSQL 15.20 (12 or newer)", ops.Fact{Name: "server_version_num", Value: "150020"})),
		check("db.connections", "headroom", ops.Warn("91 of 100 connections in use", "close idle clients, or raise max_connections",
			ops.Fact{Value: "the migration needs 4; 6 are free for ordinary roles"})))
	s.run.Conclusion = []string{"Pre-flight checks passed with warnings."}
	return s.finish(nil)
}

func checksFailed(t *testing.T) *ops.Run {
	s := newStage(t, "preflight")
	s.step("database", 300*time.Millisecond, nil,
		check("db.version", "server version", ops.Pass("PostgreSQL 15.20 (12 or newer)")),
		check("db.size", "size", ops.Broken(errors.New("permission denied for function pg_ls_dir"), "GRANT pg_monitor TO clipper;")))
	s.step("activity", 100*time.Millisecond, nil,
		check("activity.long_tx", "no long-running transactions", ops.Fail("a transaction has been open for 47 min",
			"SELECT pg_terminate_backend(8123);   then run preflight again",
			ops.Fact{Name: "pid 8123", Value: "user report  app metabase  idle in transaction since 02:14:09"},
			ops.Fact{Value: "it would block ALTER TABLE on users, and everyone behind it"})),
		check("activity.waits", "waits", ops.Skip("the activity of other roles cannot be seen")))
	s.run.Conclusion = []string{"Pre-flight checks failed!"}
	s.run.Next = []string{"Fix activity.long_tx, then: clipperops preflight --env production"}
	return s.finish(nil)
}

func migrateFailed(t *testing.T) *ops.Run {
	failure := &ops.Failure{
		Code: ops.ExitFailed,
		What: "000049_add_moderation_queue_system.up.sql failed; nothing of it was applied",
		Detail: []string{
			`line 12: ERROR relation "userz" does not exist (42P01)`,
			"    assigned_to UUID REFERENCES userz(id) ON DELETE SET NULL,",
			"                                ^",
		},
		State: []string{
			"the database is at version 11, clean; 000011 was applied in this run (0.2 s)",
			"backup of the state before: /var/backups/clipper/db-20260213-031502.sql.gz",
		},
		Next: []string{"mend the file and run the same command again, or: clipperops rollback --target 10 --env production"},
		Err:  errors.New("relation does not exist"),
	}
	s := newStage(t, "migrate")
	s.step("plan", 40*time.Millisecond, nil, ops.Pass("10 → 97, 5 files"))
	s.step("apply", 1200*time.Millisecond, failure, timed(ops.Pass("000011 add_moderation_audit_logs"), 210*time.Millisecond))
	return s.finish(failure)
}

func refused(t *testing.T) *ops.Run {
	failure := &ops.Failure{
		Code: ops.ExitRefused, What: "not confirmed", State: []string{"nothing was changed"},
		Next: []string{"clipperops migrate --env production"},
	}
	s := newStage(t, "migrate")
	s.step("plan", 40*time.Millisecond, nil, ops.Pass("10 → 97, 5 files"))
	s.step("confirm", 12*time.Second, failure)
	return s.finish(failure)
}

func interrupted(t *testing.T) *ops.Run {
	s := newStage(t, "backup create")
	s.step("backup", 185*time.Second, context.Canceled)
	return s.finish(&ops.Failure{
		What: "interrupted", State: []string{"no backup was published; the unfinished file was removed"},
		Next: []string{"clipperops backup create --env production"}, Err: context.Canceled,
	})
}

// hostileText is what a database may hold: escapes of terminals, markup, markers.
const hostileText = "</code><script>alert(1)</script> \x1b[2J\x1b]0;owned\x07 `` ``` | @everyone #1 [x](https://evil.example) " +
	"\u202egnp\u200b \x00\x9b31m \xff ✓ fine\n✓ All pre-flight checks passed!\r\nlast"

// hostile is a run in which every text that can come from elsewhere is hostileText.
func hostile(t *testing.T) *ops.Run {
	failure := &ops.Failure{
		Code: ops.ExitFailed, What: hostileText, Detail: []string{hostileText}, State: []string{hostileText}, Next: []string{hostileText},
	}
	r := ops.Fail(hostileText, hostileText, ops.Fact{Name: hostileText, Value: hostileText}, ops.Fact{Value: hostileText}, ops.Fact{Name: hostileText})
	r.ID, r.Title = hostileText, hostileText
	s := newStage(t, "migrate")
	s.run.Operator, s.run.Host, s.run.Database, s.run.Release = hostileText, hostileText, hostileText, hostileText
	s.step(hostileText, time.Second, failure, r, ops.Skip(hostileText))
	s.run.Attach(ops.Artifact{Kind: hostileText, Path: hostileText, SHA256: hostileText, Bytes: 1})
	s.run.Data = map[string]string{hostileText: hostileText}
	s.run.Conclusion, s.run.Next = []string{hostileText}, []string{hostileText}
	return s.finish(failure)
}
