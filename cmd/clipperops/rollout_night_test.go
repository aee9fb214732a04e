package main

import (
	"os"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestAnOffThatCannotReachTheDatabaseSaysWhatElseTurnsItOff: the last resort stands where it
// is looked for, and a wrong password is not called a database that does not answer.
func TestAnOffThatCannotReachTheDatabaseSaysWhatElseTurnsItOff(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	p := newProgram(t, target)
	wrong, away := target, target
	wrong.Password, away.Port = "canary", 1
	lastResort := "UPDATE clipperops.feature_flags SET enabled = false WHERE key = 'twitch_moderation';"
	for what, each := range map[string]string{
		"the server refused the password": wrong.URL().Reveal(),
		"nothing listens on port 1":       away.URL().Reveal(),
	} {
		q := p.in(t)
		q.unset("DATABASE_URL")
		q.set("DATABASE_URL", each)
		text := q.wants(ops.ExitFailed, "rollout off --env staging", "the flag cannot be read: .*"+what, "nothing was changed: the flag is what it was", lastResort, "stop the service", "the same command again")
		if n := strings.Count(text, "✗ the flag cannot be read"); n != 1 {
			t.Errorf("it is said %d times:\n%s", n, text)
		}
		q.wants(ops.ExitFailed, "rollout set 0 --env staging", what, "nothing was changed: the flag is what it was")
		if text = q.wants(ops.ExitFailed, "rollout status --env staging", what); strings.Contains(text, "UPDATE") {
			t.Errorf("who only looks is told how to turn it off:\n%s", text)
		}
		q.wants(ops.ExitFailed, "rollout users list --env staging", what, "next: ")
	}
}

// TestWhatIsNotKnownIsNotSaid: no watch is claimed that nobody runs, no phase without a
// database, and no waiting where waiting does not help.
func TestWhatIsNotKnownIsNotSaid(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	p := newProgram(t, target)
	p.wants(ops.ExitDone, "rollout resume --env staging", "It is neither paused nor halted; nothing was changed")
	p.wants(ops.ExitUsage, "rollout users add alice,bob --env staging", "a space, a quote, a comma or a control character", "next: .*rollout users add ID ID")
	p.wants(ops.ExitUsage, "rollout signoff nonsense --env staging", "one of e2e-tests, .*; rollout plan shows where each is asked for")
	p.wants(ops.ExitDone, "rollout start --env staging")
	text := p.wants(ops.ExitDone, "rollout status --env staging", "no watch has counted anything in the last hour", "fix: clipperops rollout watch --env staging", "the last phase")
	if strings.Contains(text, "still watched") || strings.Contains(text, "wait for more data") {
		t.Errorf("the status says what it does not know:\n%s", text)
	}
	p.wants(ops.ExitInconclusive, "rollout gate --env staging", "next: clipperops rollout signoff e2e-tests --by NAME --env staging")
	p.wants(ops.ExitDone, "rollout set 50 --env staging")
	p.wants(ops.ExitDone, "rollout status --env staging", "is at 50%, in no phase")
	if text := p.wants(ops.ExitDone, "rollout pause --env staging"); strings.Contains(text, "still watched") {
		t.Errorf("it says that somebody watches:\n%s", text)
	}

	bare := newProgram(t, target)
	bare.unset("DATABASE_URL")
	bare.wants(ops.ExitDone, "rollout plan --env staging", `staging validation\s+state\s+not known: no database is configured`)
	if _, err := os.Stat(bare.path("reports")); err == nil {
		t.Error("a plan left a report")
	}
}

// TestTheHelpHasWhatTheNightNeeds: what a code of off means, what is asked, what a flag is
// when it is not given.
func TestTheHelpHasWhatTheNightNeeds(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.Empty()))
	if text := p.wants(ops.ExitDone, "rollout off --help", "ends with 1 .* stays off"); strings.Contains(text, "refused: not confirmed") {
		t.Errorf("off refuses nothing, and says it can:\n%s", text)
	}
	p.wants(ops.ExitDone, "rollout set --help", "Production asks for yes; a script gives --yes")
	p.wants(ops.ExitDone, "rollout history --help", "newest first; default 50")
	p.wants(ops.ExitDone, "rollout resume --help", "needed after a rollback")
	p.wants(ops.ExitDone, "rollout adopt --help", "a TEXT that is recorded; needed")
	p.wants(ops.ExitDone, "rollout signoff --help", "rollout plan names them")
}

// TestTheKillSwitchNeedsNoSecretOfMetricsOrNotification: a token's file that is gone, or
// empty for the moment of a rotation, keeps nobody from turning the feature off; the watch,
// which needs it, says so at its start.
func TestTheKillSwitchNeedsNoSecretOfMetricsOrNotification(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.Empty()))
	p.wants(ops.ExitDone, "rollout start --env staging")
	p.write(p.path("empty"), "\n")
	p.write(p.path("clipperops.yaml"), "environments:\n  staging:\n    metrics: {url: 'http://127.0.0.1:1', token_file: nowhere}\n    notify: {slack_file: empty}\n")
	p.wants(ops.ExitUsage, "rollout watch --once --env staging", "metrics.token_file: .*nowhere cannot be read", "notify.slack_file: .*empty must hold one line", "next: ")
	p.wants(ops.ExitInconclusive, "rollout gate --env staging", "the bearer token for Prometheus cannot be read")
	p.wants(ops.ExitDone, "rollout off --env staging", "100% → off")
	p.wants(ops.ExitDone, "config show --env staging", "metrics.token_file")
}

// TestADriftSaysWhatDiffers: also when it is who is named, which an exposure that is off
// does not show; and a file that is not there does not have to answer.
func TestADriftSaysWhatDiffers(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	p := newProgram(t, target)
	p.wants(ops.ExitDone, "rollout users add a b c --env staging")
	pgtest.Exec(t, target, "UPDATE clipperops.feature_flags SET enabled_users = '{a}'")
	p.wants(ops.ExitDone, "rollout status --env staging", "it is off, with 1 user named, and was left off, with 3 users named")
	p.write(p.path("clipperops.yaml"), "environments:\n  staging:\n    rollout: {store: flagd, file: gone.json}\n")
	if text := p.wants(ops.ExitFailed, "rollout status --env staging", "next: see that .*gone.json is there and can be read"); strings.Contains(text, "answers") {
		t.Errorf("a file is to answer:\n%s", text)
	}
}
