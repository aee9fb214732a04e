package backup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/wholefile"
)

// Create takes a backup of the whole database, the ledger's schema included,
// and returns once it is complete, durable and has its manifest. Whatever
// happens before leaves no file of that name; errors are *ops.Failure.
func Create(ctx context.Context, o Options) (Ref, error) {
	if err := o.Validate(); err != nil {
		return Ref{}, err
	}
	started := o.Now().UTC()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return Ref{}, o.fileFailure(err)
	}
	s, err := openSource(ctx, o)
	if err != nil {
		return Ref{}, o.asFailure(ctx, err)
	}
	defer s.close(ctx)

	removed := wholefile.RemoveDead(o.Dir, ours)
	file, err := series.Create(o.Dir, started)
	if err != nil {
		return Ref{}, o.fileFailure(err)
	}
	defer file.Discard()
	m, err := s.save(ctx, file)
	if err == nil {
		err = ctx.Err() // the last moment at which nothing is published yet
	}
	if err != nil {
		return Ref{}, o.asFailure(ctx, err)
	}
	if err := file.Publish(); err != nil {
		return Ref{}, o.fileFailure(err)
	}
	m.Started, m.Finished = started, o.Now().UTC()
	ref := Ref{Path: file.Path(), ManifestPath: ManifestPath(file.Path()), Manifest: *m, Removed: removed}
	if err := wholefile.WriteJSON(ref.ManifestPath, m); err != nil {
		f := o.fileFailure(fmt.Errorf("writing the manifest: %w", err))
		f.State = []string{fmt.Sprintf("the dump %s is complete (sha256 %s) but has no manifest", ref.Path, m.SHA256)}
		return Ref{}, f
	}
	return ref, nil
}

// save dumps into the file while the rows are counted in the same snapshot.
func (s *source) save(ctx context.Context, file *wholefile.File) (*Manifest, error) {
	m := &Manifest{
		Schema:           ManifestSchema,
		File:             filepath.Base(file.Path()),
		Database:         s.o.Target.RedactedURL(),
		Environment:      string(s.o.Environment),
		Operator:         s.o.Operator,
		Host:             hostname(),
		Clipperops:       s.o.Version,
		ServerVersion:    s.server.Version,
		ServerVersionNum: s.server.VersionNum,
		ClientVersion:    s.o.Programs.Dump.Version,
		Locale:           s.locale,
	}
	d, err := s.dump(ctx, file)
	if err != nil {
		return nil, err
	}
	m.SHA256, m.Bytes, m.RawBytes = d.sha256, d.bytes, d.rawBytes
	m.Tables, m.SchemaVersion, m.Dirty = d.counts.tables, d.counts.version, d.counts.dirty
	m.Warnings = d.warnings
	return m, nil
}

// progressEvery is how often progress is reported.
const progressEvery = 100 * time.Millisecond

// reporter passes progress on, one at a time and not too often.
type reporter struct {
	report func(ops.Progress)
	mu     sync.Mutex
	last   time.Time
}

func (r *reporter) tell(p ops.Progress) { r.pass(p, progressEvery) }

// finish passes on the last word, however soon after the one before.
func (r *reporter) finish(p ops.Progress) { r.pass(p, 0) }

func (r *reporter) pass(p ops.Progress, after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.last) >= after {
		r.last = now
		r.report(p)
	}
}
