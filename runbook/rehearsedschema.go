package runbook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"

	"al.essio.dev/pkg/shellescape"
	"github.com/google/renameio/v2"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate/rehearsal"
)

// notAsRehearsed is what to do when the check of that id found another schema than the
// rehearsed one, which is kept as a file: the clone is gone, and no later command could
// compare with it.
func (f *flow) notAsRehearsed(r rehearsed, id string) []string {
	if r.outcome == nil || !slices.Contains(f.failedChecks(), id) {
		return nil
	}
	path, err := f.keepRehearsed(r)
	if err != nil {
		return []string{"the rehearsed schema could not be kept to compare with: " + err.Error()}
	}
	command := "schema diff " + shellescape.Quote(path) + " db"
	for _, kind := range r.strangers {
		command += " --except " + shellescape.Quote(string(kind))
	}
	return []string{"compare with the rehearsed schema, now and when it is mended: " + f.invocation(command)}
}

// keepRehearsed writes the schema at the end of the rehearsal beside the reports.
func (f *flow) keepRehearsed(r rehearsed) (string, error) {
	var text bytes.Buffer
	if err := pg.WriteSnapshot(&text, r.outcome.Pass(rehearsal.There).After); err != nil {
		return "", err
	}
	path := f.reportBase() + "-rehearsed-schema.json"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	if err := renameio.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return "", err
	}
	sum := sha256.Sum256(text.Bytes())
	f.run.Attach(ops.Artifact{Kind: "schema", Path: path, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(text.Len())})
	return path, nil
}
