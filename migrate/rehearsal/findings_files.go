package rehearsal

import (
	"fmt"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// files tells of each file what it took and what it made, changed and took away.
func (o *Outcome) files(there *Pass) []ops.Result {
	results := make([]ops.Result, 0, len(there.Files))
	for i := range there.Files {
		f := &there.Files[i]
		parts := []string{lasting(f.Took)}
		if expected := o.fileTakes(f); expected >= noticeable && expected >= 2*f.Took {
			parts[0] += ", about " + lasting(expected) + " on the database"
		}
		parts = append(parts, sized(f.WAL)+" of WAL")
		switch {
		case f.Grown > 0:
			parts = append(parts, sized(f.Grown)+" more on disk")
		case f.Grown < 0:
			parts = append(parts, sized(-f.Grown)+" less on disk")
		}
		parts = append(parts, changesCounted(f)...)
		var facts []ops.Fact
		for _, c := range told(f.Changes) {
			facts = append(facts, said(c))
		}
		results = append(results, found("file."+f.ID(), ops.Pass(fmt.Sprintf("%s %s: %s", f.ID(), f.Name, strings.Join(parts, ", ")), facts...)))
	}
	return results
}

// fileTakes is how long the file is expected to take on the target.
func (o *Outcome) fileTakes(f *File) time.Duration {
	var takes time.Duration
	for i := range f.Statements {
		takes += o.Takes(f, &f.Statements[i])
	}
	return max(takes, f.Took)
}

// changesCounted says how many objects were made, changed and lost: what came or went
// with a table is counted with it.
func changesCounted(f *File) []string {
	if f.Grouped {
		return []string{"its changes stand with a later file"}
	}
	n := map[pg.ChangeOp]int{}
	for _, c := range f.Changes {
		n[c.Op]++
	}
	var parts []string
	for _, op := range []struct {
		op  pg.ChangeOp
		did string
	}{{pg.Added, "made"}, {pg.Altered, "changed"}, {pg.Removed, "lost"}} {
		if n[op.op] > 0 {
			parts = append(parts, counted(n[op.op], "object")+" "+op.did)
		}
	}
	if len(parts) == 0 {
		parts = []string{"the schema stays as it is"}
	}
	if f.Since != "" && f.Since != f.FileName {
		parts = append(parts, "counted since "+f.Since)
	}
	return parts
}
