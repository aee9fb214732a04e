package rehearsal

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

const (
	// manyRows is from how many rows on a table is large enough to be worth a warning.
	manyRows = 10_000
	// rowBytes is what a row is taken to have where the server never counted them: short,
	// so that there are rather too many of them than too few.
	rowBytes = 64
)

// assumed are the rates where none were measured: those of a slow disk.
var assumed = Rates{ScanBytes: 100e6, RewriteBytes: 25e6, IndexRows: 250e3, UpdateRows: 25e3}

// rates are those measured, where they were.
func (o *Outcome) rates() Rates {
	r := o.Rates
	return Rates{
		ScanBytes: cmp.Or(r.ScanBytes, assumed.ScanBytes), RewriteBytes: cmp.Or(r.RewriteBytes, assumed.RewriteBytes),
		IndexRows: cmp.Or(r.IndexRows, assumed.IndexRows), UpdateRows: cmp.Or(r.UpdateRows, assumed.UpdateRows),
	}
}

// rows is how many rows there are, guessed from the bytes where the server has no estimate.
func (s Size) rows() int64 {
	if s.Rows < 0 {
		return s.Bytes / rowBytes
	}
	return s.Rows
}

// large reports whether anybody would notice that the table is locked.
func (s Size) large() bool { return s.rows() >= manyRows }

// workKind is what a statement does with all of a table.
type workKind string

const (
	rewriting workKind = "rewritten"
	indexing  workKind = "indexed"
	scanning  workKind = "read through"
	updating  workKind = "changed row by row"
)

// work is one thing a statement does with all of a table that is there on the target.
type work struct {
	kind  workKind
	table Relation
	size  Size
	// takes is how long, by the rates; indexes are those built again with the table.
	takes   time.Duration
	indexes int
}

// NeedsRates reports whether the outcome's estimates ask for Rates: on a clone without
// rows something works on a table that is large on the target.
func (o *Outcome) NeedsRates() bool {
	there := o.Pass(There)
	if there == nil || o.Mode == WithData {
		return false
	}
	for i := range there.Files {
		f := &there.Files[i]
		for j := range f.Statements {
			for _, w := range o.works(f, &f.Statements[j]) {
				if w.size.large() {
					return true
				}
			}
		}
	}
	return false
}

// Takes is how long the statement is expected to take on the target: what it took on the
// clone, or what the size of the target's tables makes of it when that is longer.
func (o *Outcome) Takes(f *File, s *Statement) time.Duration {
	if o.Mode == WithData {
		return time.Duration(float64(s.Took) * o.growth(f, s))
	}
	var estimated time.Duration
	for _, w := range o.works(f, s) {
		estimated += w.takes
	}
	return max(s.Took, estimated)
}

// growth is how many times larger what the statement works on is on the target than on
// the clone, at least 1.
func (o *Outcome) growth(f *File, s *Statement) float64 {
	times := 1.0
	for _, w := range o.works(f, s) {
		clone, known := o.CloneSizes[w.table.String()]
		switch {
		case !known:
		case w.size.Rows > 0 && clone.Rows > 0:
			times = max(times, float64(w.size.Rows)/float64(clone.Rows))
		case w.size.Bytes > 0 && clone.Bytes > 0:
			times = max(times, float64(w.size.Bytes)/float64(clone.Bytes))
		}
	}
	return times
}

// works is what the statement does with whole tables of the target. A table that is
// rewritten or indexed is read for it: that is not counted again.
func (o *Outcome) works(f *File, s *Statement) []work {
	var all []work
	add := func(kind workKind, table Relation) {
		size, known := o.Sizes[table.String()]
		again := slices.ContainsFunc(all, func(w work) bool {
			return w.table.String() == table.String() && (w.kind == kind && kind != indexing || kind == scanning)
		})
		if !known || table.New || again || table.Kind == "partitioned table" { // its partitions are told of one by one
			return
		}
		all = append(all, o.priced(work{kind: kind, table: table, size: size}))
	}
	for _, r := range s.Rewritten {
		if r.Kind == "index" { // its table is rewritten with it, or only read for it
			if table, ok := o.indexesBefore().table[r.qualified()]; ok && !slices.ContainsFunc(s.Rewritten, table.same) {
				add(indexing, table)
			}
			continue
		}
		add(rewriting, r)
	}
	for _, i := range s.Built {
		add(indexing, i.Table)
	}
	for _, table := range o.written(f, s) {
		add(updating, table)
	}
	for _, r := range s.Scanned {
		if !emptied(s, r) { // TRUNCATE reads what is empty already
			add(scanning, r)
		}
	}
	return all
}

func (r Relation) same(other Relation) bool { return r.Schema == other.Schema && r.Name == other.Name }

// priced says how long the work takes.
func (o *Outcome) priced(w work) work {
	rates := o.rates()
	indexed := float64(w.size.rows()) / rates.IndexRows
	var seconds float64
	switch w.kind {
	case rewriting:
		w.indexes = o.indexesBefore().on[w.table.qualified()]
		seconds = float64(w.size.Bytes)/rates.RewriteBytes + float64(w.indexes)*indexed
	case indexing:
		seconds = indexed
	case scanning:
		seconds = float64(w.size.Bytes) / rates.ScanBytes
	case updating:
		seconds = float64(w.size.rows()) / rates.UpdateRows
	}
	w.takes = time.Duration(seconds * float64(time.Second))
	return w
}

// qualified is the name with its schema, without quotes.
func (r Relation) qualified() string {
	return cmp.Or(r.Schema, "public") + "." + r.Name
}

func unquoted(name string) string { return strings.ReplaceAll(name, `"`, "") }
