package rehearsal

import (
	"context"

	"github.com/clipper/clipperops/internal/pg"
)

const (
	// fewFiles is up to how many files each has a schema diff of its own.
	fewFiles = 20
	// groups is how many diffs a longer plan has.
	groups = 10
)

// differ finds out what files changed in the schema: each, or a group of them.
type differ struct {
	rehearsal *rehearsal
	files     int
	// last is the schema when it was last looked at.
	last *pg.Snapshot
	// pending are the files since then.
	pending []*File
}

// due reports whether the i-th file ends a group.
func (d *differ) due(i int) bool {
	return d.files <= fewFiles || i == d.files-1 || (i+1)*groups/d.files > i*groups/d.files
}

// done is told of each file that is committed. now is the schema, where it was looked at.
func (d *differ) done(ctx context.Context, i int, f *File) (now *pg.Snapshot, err error) {
	d.pending = append(d.pending, f)
	if !d.due(i) {
		return nil, nil
	}
	now, err = d.rehearsal.snapshot(ctx)
	if err == nil {
		d.close(now)
	}
	return now, err
}

// close gives the files since the last look what changed until now.
func (d *differ) close(now *pg.Snapshot) {
	if len(d.pending) == 0 {
		return
	}
	first, last := d.pending[0], d.pending[len(d.pending)-1]
	last.Changes = pg.Diff(d.rehearsal.version.leftOut(d.last), d.rehearsal.version.leftOut(now))
	if first != last {
		last.Since = first.ID()
	}
	for _, f := range d.pending[:len(d.pending)-1] {
		f.Grouped = true
	}
	d.last, d.pending = now, nil
}
