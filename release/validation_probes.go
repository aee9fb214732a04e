package release

import (
	"fmt"
	"strings"
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

// query judges a single statement; whether it is one is for the server to say.
func (f *file) query(path, sql string) {
	if f.filled(path, sql) && strings.HasSuffix(strings.TrimSpace(sql), ";") {
		f.problem(path, "is one statement, without a semicolon")
	}
	if strings.ContainsRune(sql, 0) {
		f.problem(path, "holds a zero byte")
	}
}
