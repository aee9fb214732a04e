package rehearsal

import (
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
)

// measured rates, round enough to calculate with in the head.
var evenRates = Rates{ScanBytes: 100e6, RewriteBytes: 50e6, IndexRows: 1.5e6, UpdateRows: 100e3}

var submissions = Relation{Schema: "public", Name: "clip_submissions", Kind: "table"}

// fileOf is a transactional file of version 49 with statements measured on the clone, each 1 ms.
func fileOf(statements ...Statement) File {
	f := File{File: migrate.File{Version: 49, Name: "step", FileName: "000049_step.up.sql", Transactional: true, After: 49}}
	strongest := map[string]Lock{}
	for i := range statements {
		s := &statements[i]
		s.Index, s.Line, s.Took = i, i+1, time.Millisecond
		for j := range s.Locks {
			l := &s.Locks[j]
			l.Statement, l.Held = i, time.Duration(len(statements)-i)*time.Millisecond
			if l.Mode > strongest[l.Relation.String()].Mode {
				strongest[l.Relation.String()] = *l
			}
		}
	}
	for _, l := range strongest {
		f.Locks = append(f.Locks, l)
	}
	f.Statements, f.Took = statements, time.Duration(len(statements))*time.Millisecond
	return f
}

// outcomeOf is a rehearsal without rows of a plan up to 49, on a target where
// clip_submissions has 1.2 million rows.
func outcomeOf(files ...File) *Outcome {
	plan := &migrate.Plan{Direction: migrate.Up, From: 48, To: 49}
	for _, f := range files {
		plan.Files = append(plan.Files, f.File)
	}
	return &Outcome{
		Plan: plan, Mode: SchemaOnly, Place: "the target's own server", Rates: evenRates,
		Sizes:  map[string]Size{"clip_submissions": {Rows: 1_200_000, Bytes: 200e6}, "tags": {Rows: 120, Bytes: 8192}},
		Passes: []Pass{{Name: There, Plan: plan, Files: files}},
	}
}

func buildsIndex(table Relation) Statement {
	index := Relation{Schema: "public", Name: "idx_submissions_creator", Kind: "index", New: true}
	return Statement{
		Text:    "CREATE INDEX idx_submissions_creator ON " + table.Name + " (creator_id)",
		Locks:   []Lock{{Relation: table, Mode: Share}},
		Scanned: []Relation{table}, Built: []Index{{Relation: index, Table: table}},
	}
}

func addsColumn(table Relation) Statement {
	return Statement{
		Text:  "ALTER TABLE " + table.Name + " ADD COLUMN karma integer",
		Locks: []Lock{{Relation: table, Mode: AccessExclusive}},
	}
}

// result is the finding of that id; the test fails when it is not there once.
func result(t *testing.T, o *Outcome, id string) ops.Result {
	t.Helper()
	var all []ops.Result
	for _, r := range o.Results() {
		if r.Title != "" || r.Summary == "" {
			t.Errorf("%+v", r)
		}
		if r.ID == id {
			all = append(all, r)
		}
	}
	if len(all) != 1 {
		t.Fatalf("%d results %s in %+v", len(all), id, o.Results())
	}
	return all[0]
}

func has(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: %q is not in\n%s", what, part, text)
		}
	}
}

// shown is a result as it is read.
func shown(r ops.Result) string {
	lines := []string{string(r.Status), r.ID, r.Summary}
	for _, f := range r.Evidence {
		lines = append(lines, "  "+f.Name+" "+f.Value)
	}
	return strings.Join(append(lines, "fix: "+r.Fix), "\n")
}

func TestALongLockOnALargeTableIsAWarningWithItsSafeForm(t *testing.T) {
	t.Parallel()
	o := outcomeOf(fileOf(buildsIndex(submissions)))
	r := result(t, o, "rehearse.locks.clip_submissions")
	if want := "CREATE INDEX idx_submissions_creator blocks writes to clip_submissions for about 0.8 s (1,200,000 rows)"; r.Status != ops.StatusWarn || r.Summary != want {
		t.Errorf("%s\nwant %s", shown(r), want)
	}
	if want := "safe form: CREATE INDEX CONCURRENTLY idx_submissions_creator ON clip_submissions (creator_id); alone in its file"; r.Fix != want {
		t.Errorf("fix %s\nwant %s", r.Fix, want)
	}
	has(t, "evidence", shown(r), "000049_step.up.sql line 1", "SHARE, from there to the commit", "1,200,000 rows, about 0.8 s at the clone's speed", "without rows")
	r = result(t, o, "rehearse.locks")
	if want := "heaviest lock on a table in use: SHARE on clip_submissions, about 0.8 s (1,200,000 rows)"; r.Status != ops.StatusPass || r.Summary != want {
		t.Errorf("%s\nwant %s", shown(r), want)
	}
	if !o.NeedsRates() {
		t.Error("a large index is built, and no rates are asked for")
	}
	o.Rates = Rates{}
	has(t, "without rates", shown(result(t, o, "rehearse.locks.clip_submissions")), "at a speed that is assumed")
}

// TestWhatNobodyNoticesIsNoted guards against warnings that teach not to read warnings.
func TestWhatNobodyNoticesIsNoted(t *testing.T) {
	t.Parallel()
	tags := Relation{Schema: "public", Name: "tags", Kind: "table"}
	fresh := Relation{Schema: "public", Name: "fresh", Kind: "table", New: true}
	for _, tt := range []struct {
		name      string
		statement Statement
		relation  string
	}{
		{"few rows", buildsIndex(tags), "tags"},
		{"a short moment", addsColumn(submissions), "clip_submissions"},
		{"new", buildsIndex(fresh), ""},
	} {
		o := outcomeOf(fileOf(tt.statement))
		for _, r := range o.Results() {
			if r.Status != ops.StatusPass && r.Status != ops.StatusSkip {
				t.Errorf("%s: %s", tt.name, shown(r))
			}
		}
		if tt.relation != "" {
			result(t, o, "rehearse.locks."+tt.relation)
			continue
		}
		if r := result(t, o, "rehearse.locks"); r.Summary != "no table in use is locked against reads or writes" {
			t.Errorf("%s: %s", tt.name, shown(r))
		}
		if o.NeedsRates() {
			t.Errorf("%s: rates are asked for", tt.name)
		}
	}
}

// TestAnEarlierLockIsHeldThroughWhatComesBehind guards against judging each statement by
// itself: a lock is kept to the commit.
func TestAnEarlierLockIsHeldThroughWhatComesBehind(t *testing.T) {
	t.Parallel()
	update := Statement{Text: "UPDATE clip_submissions SET karma = 0", Locks: []Lock{}}
	o := outcomeOf(fileOf(addsColumn(submissions), update))
	r := result(t, o, "rehearse.locks.clip_submissions")
	if want := "000049 blocks reads and writes on clip_submissions for about 12 s (1,200,000 rows)"; r.Status != ops.StatusWarn || r.Summary != want {
		t.Errorf("%s\nwant %s", shown(r), want)
	}
	if want := "safe form: the change of clip_submissions in a file of its own, without DDL, and in batches"; r.Fix != want {
		t.Errorf("fix %s\nwant %s", r.Fix, want)
	}
	r = result(t, o, "rehearse.rows")
	if r.Status != ops.StatusWarn {
		t.Error(shown(r))
	}
	has(t, "rows", shown(r), "up to 1,200,000 rows", "--rehearse data counts them", "in batches")

	// What is slow need not be a trap itself.
	o = outcomeOf(fileOf(addsColumn(submissions), Statement{Text: "SELECT count(*) FROM clip_submissions", Scanned: []Relation{submissions}}))
	r = result(t, o, "rehearse.locks.clip_submissions")
	has(t, "a scan behind the lock", shown(r), "for about 2.0 s", "put line 2 (SELECT count(*) FROM clip_submissions) into a file of its own: it runs while the lock of line 1 is held")

	// The first statement's lock is the weaker one and lasts longer.
	o = outcomeOf(fileOf(buildsIndex(submissions), addsColumn(submissions)))
	r = result(t, o, "rehearse.locks.clip_submissions")
	has(t, "the longer hold", shown(r), "CREATE INDEX idx_submissions_creator blocks writes to clip_submissions for about 0.8 s")
}

func TestAFileOutsideATransactionKeepsNoLockBehindAStatement(t *testing.T) {
	t.Parallel()
	f := fileOf(addsColumn(submissions), Statement{Text: "VACUUM clip_submissions", Scanned: []Relation{submissions}})
	f.Transactional = false
	r := result(t, outcomeOf(f), "rehearse.locks.clip_submissions")
	if r.Status != ops.StatusPass {
		t.Error(shown(r))
	}
}

func TestARewriteCountsTheIndexesThatAreBuiltWithIt(t *testing.T) {
	t.Parallel()
	s := Statement{
		Text:  "ALTER TABLE clip_submissions ALTER COLUMN id TYPE bigint",
		Locks: []Lock{{Relation: submissions, Mode: AccessExclusive}}, Rewritten: []Relation{submissions}, Scanned: []Relation{submissions},
	}
	o := outcomeOf(fileOf(s))
	o.Before = snapshotOf(
		object("index", "public.idx_a", "public.clip_submissions", "CREATE INDEX idx_a ON public.clip_submissions USING btree (a)"),
		object("constraint", "public.clip_submissions.clip_submissions_pkey", "public.clip_submissions", "PRIMARY KEY (id)"),
		object("constraint", "public.clip_submissions.fk", "public.clip_submissions", "FOREIGN KEY (a) REFERENCES public.b(id)"),
		object("index", "public.idx_b", "public.other", "CREATE INDEX idx_b ON public.other USING btree (a)"),
	)
	f := &o.Passes[0].Files[0]
	// 200 MB at 50 MB/s, and two indexes of 1.2 M rows at 1.5 M rows a second.
	if got, want := o.Takes(f, &f.Statements[0]), 5600*time.Millisecond; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	r := result(t, o, "rehearse.rewrite")
	if r.Status != ops.StatusWarn {
		t.Error(shown(r))
	}
	has(t, "rewrite", shown(r), "ALTER TABLE clip_submissions ALTER COLUMN id TYPE bigint rewrites clip_submissions (1,200,000 rows)",
		"200 MB and 2 indexes, about 5.6 s", "ADD COLUMN id_new bigint")
}

func TestWithRowsTimesAreMeasuredAndScaled(t *testing.T) {
	t.Parallel()
	o := outcomeOf(fileOf(buildsIndex(submissions)))
	o.Mode = WithData
	f := &o.Passes[0].Files[0]
	s := &f.Statements[0]
	s.Took = 100 * time.Millisecond
	if got := o.Takes(f, s); got != s.Took {
		t.Errorf("a backup of the same size: %s", got)
	}
	o.CloneSizes = map[string]Size{"clip_submissions": {Rows: 600_000, Bytes: 1}}
	if got, want := o.Takes(f, s), 200*time.Millisecond; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	o.CloneSizes = map[string]Size{"clip_submissions": {Rows: -1, Bytes: 50e6}}
	if got, want := o.Takes(f, s), 400*time.Millisecond; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if o.NeedsRates() {
		t.Error("rates are asked for where everything was measured")
	}
}

func TestManyHarmlessLocksAreCounted(t *testing.T) {
	t.Parallel()
	var statements []Statement
	for i := range 20 {
		statements = append(statements, addsColumn(Relation{Schema: "public", Name: "t" + string(rune('a'+i)), Kind: "table"}))
	}
	o := outcomeOf(fileOf(statements...))
	n := 0
	for _, r := range o.Results() {
		if strings.HasPrefix(r.ID, "rehearse.locks.") {
			n++
		}
	}
	if n != mostNoted {
		t.Errorf("%d are listed", n)
	}
	has(t, "the rest", result(t, o, "rehearse.locks").Summary, "8 tables more")
}

// TestAFileThatWaitsLongIsNamed: everybody who comes later waits behind it.
func TestAFileThatWaitsLongIsNamed(t *testing.T) {
	t.Parallel()
	for text, warns := range map[string]bool{
		"SET lock_timeout = 0": true, "SET LOCAL lock_timeout TO '5min'": true, "SET lock_timeout = DEFAULT": true, "SET lock_timeout TO 5000": true,
		"SET LOCAL lock_timeout = '500ms'": false, "SET lock_timeout = '2 s'": false, "SET lock_timeout = 300": false, "SET statement_timeout = 0": false,
	} {
		r := result(t, outcomeOf(fileOf(Statement{Text: text})), "rehearse.locks")
		if (r.Status == ops.StatusWarn) != warns {
			t.Errorf("%s: %s", text, shown(r))
		}
	}
}

// TestAnIndexLockedAgainstAllStopsReadsToo: the server opens every index of a table to
// plan a query on it.
func TestAnIndexLockedAgainstAllStopsReadsToo(t *testing.T) {
	t.Parallel()
	index := Relation{Schema: "public", Name: "idx_a", Kind: "index"}
	s := Statement{
		Text:      "REINDEX INDEX idx_a",
		Locks:     []Lock{{Relation: submissions, Mode: Share}, {Relation: index, Mode: AccessExclusive}},
		Rewritten: []Relation{index}, Scanned: []Relation{submissions},
	}
	o := outcomeOf(fileOf(s))
	o.Before = snapshotOf(object("index", "public.idx_a", "public.clip_submissions", "CREATE INDEX idx_a ON public.clip_submissions USING btree (a)"))
	r := result(t, o, "rehearse.locks.clip_submissions")
	if want := "REINDEX INDEX idx_a blocks reads and writes on clip_submissions for about 0.8 s (1,200,000 rows)"; r.Summary != want {
		t.Errorf("%s\nwant %s", shown(r), want)
	}
	has(t, "evidence", shown(r), "ACCESS EXCLUSIVE on its index idx_a", "REINDEX INDEX CONCURRENTLY idx_a; alone in its file")
	if r := result(t, o, "rehearse.rewrite"); r.Status != ops.StatusPass {
		t.Error(shown(r))
	}
}
