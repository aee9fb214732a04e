package main

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
)

// TestWhatOnlyRowsTellIsSaidBeforeAndAfter guards against a rehearsal without rows that looks
// complete, and against a failure on rows that does not say how to find it beforehand.
func TestWhatOnlyRowsTellIsSaidBeforeAndAfter(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	chosen := p.tiny(map[string]string{
		"000011_one.up.sql": "ALTER TABLE users ADD CONSTRAINT never CHECK (false);\n", "000011_one.down.sql": "ALTER TABLE users DROP CONSTRAINT never;\n",
	})
	said := p.wants(ops.ExitFailed, "migrate --skip-backup --rehearse-on same --lock-timeout 3s"+chosen, "not tried on rows: .*--rehearse data tries it", "; apply failed")
	at := strings.LastIndex(said, "clipperops migrate rehearse --rehearse data")
	if at < 0 {
		t.Fatalf("no way to find it beforehand in\n%s", said)
	}
	command, _, _ := strings.Cut(said[at:], "\n")
	if !strings.HasSuffix(command, "--rehearse-on same") {
		t.Errorf("the place of clones is lost in %q", command)
	}
	p.typed(ops.ExitRefused, command, "fails on a clone", "is violated by some row")
	p.wantVersion(10)

	// With the rows there is nothing left to try, and the backup is proven.
	p.rewrite("000011_one.up.sql", "ALTER TABLE users ADD CONSTRAINT never CHECK (true);\n")
	said = p.wants(ops.ExitDone, "migrate --rehearse data"+chosen, "the backup is restorable: restored on the clone")
	if strings.Contains(said, "not tried on rows") {
		t.Errorf("it was tried on rows:\n%s", said)
	}
}
