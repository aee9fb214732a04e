package rehearsal

import (
	"context"
	"time"

	"github.com/clipper/clipperops/internal/pg"
)

const (
	// fewFiles is up to how many files each has a schema diff of its own.
	fewFiles = 20
	// groups is how many diffs a longer plan has at most.
	groups = 10
	// looksShare is the part of the files' time that looking at the schema of a long plan
	// may take.
	looksShare = 12
)

// differ finds out what files changed in the schema: each, or a group of them.
type differ struct {
	rehearsal *rehearsal
	files     int
	// thrifty looks no more often than a long plan does.
	thrifty bool
	// last is the schema when it was last looked at.
	last *pg.Snapshot
	// pending are the files since then.
	pending []*File
	// took is the time of the files until now, looked that of looking, and once that of
	// the last look.
	took, looked, once time.Duration
}

// due reports whether the i-th file ends a group. Where the files are over in no time,
// looking at the schema must not take longer than they do.
func (d *differ) due(i int) bool {
	switch {
	case i == d.files-1, d.files <= fewFiles && !d.thrifty:
		return true
	case d.files > fewFiles && d.thrifty: // one group: no finding tells of them
		return false
	case d.files > fewFiles && (i+1)*groups/d.files == i*groups/d.files:
		return false
	}
	return d.looked+d.once <= d.took/looksShare
}

// done is told of each file that is committed. now is the schema, where it was looked at.
func (d *differ) done(ctx context.Context, i int, f *File) (now *pg.Snapshot, err error) {
	d.pending = append(d.pending, f)
	d.took += f.Took
	if !d.due(i) {
		return nil, nil
	}
	started := time.Now()
	now, err = d.rehearsal.snapshot(ctx)
	d.once = time.Since(started)
	d.looked += d.once
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
