package runbook

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
)

// TestTheNextCommandWorksLikeThisOne guards against a suggestion that lacks what made the
// present command work: the place of its clones, its patience with locks, what it waived.
func TestTheNextCommandWorksLikeThisOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ ran, flags, next, want string }{
		{"migrate", "rehearse-on=local", "migrate", "--rehearse-on local"},
		{"migrate", "rehearse-on=local", "migrate rehearse", "--rehearse-on local"},
		{"migrate", "rehearse-on=local", "rollback --target 10", "--rehearse-on local"},
		{"migrate", "rehearse-on=local", "scratch prune", "--rehearse-on local"},
		{"migrate", "rehearse-on=local", "migrate repair", "--rehearse-on local"},
		{"migrate", "rehearse-on=local", "schema diff a.json db", "--rehearse-on local"},
		{"migrate", "rehearse-on=local", "migrate status", ""},
		{"migrate", "rehearse-on=local", "validate", ""},
		{"migrate", "rehearse-on=local", "preflight", "--rehearse-on local"},
		{"migrate", "rehearse=data", "migrate", "--rehearse data"},
		{"migrate", "rehearse=data", "rollback --target 10", "--rehearse data"},
		{"migrate", "rehearse=schema", "migrate rehearse --rehearse data", ""},
		{"migrate", "rehearse=off reason='in a hurry'", "migrate", "--rehearse off --reason 'in a hurry'"},
		{"migrate", "rehearse=off reason='in a hurry'", "migrate rehearse", ""},
		{"migrate", "rehearse=off reason='in a hurry'", "rollback --target 10", ""},
		{"rollback", "rehearse=off reason='in a hurry'", "migrate", ""},
		{"migrate", "allow-irreversible", "migrate", "--allow-irreversible"},
		{"migrate rehearse", "allow-irreversible", "migrate", "--allow-irreversible"},
		{"migrate", "allow-irreversible", "preflight", "--allow-irreversible"},
		{"preflight", "allow-irreversible", "migrate --dry-run", "--allow-irreversible"},
		{"migrate", "allow-irreversible", "rollback --target 10", ""},
		{"migrate", "skip-backup skip-validation", "migrate", "--skip-backup --skip-validation"},
		{"migrate", "skip-backup skip-validation", "migrate rehearse", ""},
		{"migrate", "skip-backup", "rollback --target 10", ""},
		{"rollback", "skip-backup allow-foreign", "rollback --target 10", "--skip-backup --allow-foreign"},
		{"rollback", "skip-backup allow-foreign", "rollback --target 10 --rehearse-only --rehearse data", "--allow-foreign"},
		{"rollback", "allow-foreign", "rollback --target 10 --allow-foreign", ""},
		{"migrate", "lock-timeout=4s lock-retry-for=1h0m0s cancel-idle-blockers=5m0s", "rollback --target 10", "--lock-timeout 4s --lock-retry-for 1h0m0s --cancel-idle-blockers 5m0s"},
		{"migrate", "cancel-idle-blockers=5m0s", "migrate --cancel-idle-blockers 10m", ""},
		{"migrate", "lock-timeout=4s", "migrate rehearse", ""},
		{"migrate", "no-such-flag=1", "migrate", ""},
	} {
		g := Given{Command: tt.ran}
		rest := strings.ReplaceAll(tt.flags, "in a hurry", "in_a_hurry")
		for _, f := range strings.Fields(rest) {
			name, value, _ := strings.Cut(f, "=")
			g.Flags = append(g.Flags, GivenFlag{name, strings.ReplaceAll(value, "in_a_hurry", "in a hurry")})
		}
		s := &Session{Config: &config.Config{Environment: config.Staging}, Given: g}
		want := strings.TrimSpace("clipperops " + tt.next + " --env staging " + tt.want)
		if got := s.invocation(tt.next); got != want {
			t.Errorf("after %s %s:\n%s, want\n%s", tt.ran, tt.flags, got, want)
		}
		if strings.HasPrefix(tt.next, "schema ") {
			continue // never part of a longer text
		}
		if got := s.addressed("do this: clipperops " + tt.next + ", then look"); got != "do this: "+want+", then look" {
			t.Errorf("after %s %s, in a text:\n%s", tt.ran, tt.flags, got)
		}
	}
}
