package main

import (
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestAPortThatIsTakenIsNoMistypedCommand: whoever starts a watch where something listens
// already is told what it is, with the code of a failure; 2 would have systemd, and people,
// look for a wrong flag.
func TestAPortThatIsTakenIsNoMistypedCommand(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	p := rollsOut(t, target, newExposed(t, target))
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", host+":0")
		if err != nil {
			t.Logf("%s cannot be listened on here: %v", host, err)
			continue
		}
		t.Cleanup(func() { _ = taken.Close() })
		p.wants(ops.ExitFailed, "rollout watch --once --env staging --listen "+taken.Addr().String(),
			"something listens on .* already: clipperops.* .process "+fmt.Sprint(os.Getpid())+".", "nothing was changed", "another --listen")
	}
	for _, wrong := range []string{"9464", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:metrics"} {
		p.wants(ops.ExitUsage, "rollout watch --once --env staging --listen "+wrong, "--listen .* is no address: HOST:PORT", "127.0.0.1:9464")
	}
	p.wants(ops.ExitUsage, "rollout watch --once --env staging --listen 192.0.2.1:9464", "192.0.2.1 is no address of this machine")
}
