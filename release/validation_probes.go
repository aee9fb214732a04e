package release

import (
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/sqlscan"
)

func (f *file) judgeProbes(r *Release, section string, probes []Probe) {
	ids := map[string]bool{}
	for i, p := range probes {
		path := fmt.Sprintf("%s[%d]", section, i)
		f.id(ids, path, p.ID)
		f.filled(path+".title", p.Title)
		f.filled(path+".fix", p.Fix)
		f.among(path+".severity", p.Severity, SeverityFail, SeverityWarn)
		f.version(r, path+".since", p.Since)
		f.query(path+".sql", p.SQL)
		stated := 0
		for _, set := range []bool{p.Expect.NoRows, p.Expect.AtLeast != nil, p.Expect.AtMost != nil} {
			if set {
				stated++
			}
		}
		if stated != 1 {
			f.problem(path+".expect", "must state one of no_rows: true, at_least and at_most")
		}
	}
}

func (f *file) judgePlans(r *Release, k known) {
	ids := map[string]bool{}
	for i, p := range r.Plans {
		path := fmt.Sprintf("plans[%d]", i)
		f.id(ids, path, p.ID)
		f.filled(path+".title", p.Title)
		f.query(path+".sql", p.SQL)
		f.version(r, path+".since", p.Since)
		made, listed := k.indexes[p.Index]
		switch {
		case !listed:
			f.problem(path+".index", "%q is not among the indexes of the release", p.Index)
		case made > p.Since:
			f.problem(path+".since", "the index %s comes with %d only", p.Index, made)
		}
		for j, node := range p.Without {
			f.among(fmt.Sprintf("%s.without[%d]", path, j), node, NodeSeqScan, NodeBitmapScan, NodeSort)
		}
	}
}

// query judges a single statement, which runs in a transaction that leaves nothing.
func (f *file) query(path, sql string) {
	switch {
	case !f.filled(path, sql):
		return
	case strings.ContainsRune(sql, 0):
		f.problem(path, "holds a zero byte")
		return
	case strings.HasSuffix(strings.TrimSpace(sql), ";"):
		f.problem(path, "is one statement, without a semicolon")
	}
	statements, err := sqlscan.Split(sql)
	switch {
	case err != nil:
		f.problem(path, "is no SQL: %v", err)
	case len(statements) > 1:
		f.problem(path, "is one statement, and these are %d", len(statements))
	case len(statements) == 1 && statements[0].ControlsTransaction():
		f.problem(path, "%s would end or divide the transaction it runs in, which is rolled back", statements[0].Words[0])
	}
}
