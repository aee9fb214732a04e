package reports

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
)

// junitSchema is what the two JUnit schemas in use have in common: elements,
// the children they may have, in order, and the attributes they must have.
var junitSchema = map[string]struct{ children, attributes []string }{
	"testsuites": {children: []string{"testsuite"}},
	"testsuite": {
		[]string{"properties", "testcase", "system-out", "system-err"},
		[]string{"name", "package", "id", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
	},
	"properties": {children: []string{"property"}},
	"property":   {attributes: []string{"name", "value"}},
	"testcase":   {[]string{"skipped", "error", "failure"}, []string{"name", "classname", "time"}},
	"skipped":    {attributes: []string{"message"}},
	"error":      {attributes: []string{"message", "type"}},
	"failure":    {attributes: []string{"message", "type"}},
	"system-out": {},
	"system-err": {},
}

func TestJUnitIsValidAgainstTheCommonSchema(t *testing.T) {
	t.Parallel()
	all := runs(t)
	all["hostile"], all["empty"] = hostile(t), newStage(t, "validate").finish(nil)
	for name, run := range all {
		var b bytes.Buffer
		if err := JUnit(&b, run); err != nil {
			t.Fatal(err)
		}
		checkJUnitStructure(t, name, b.Bytes())
		checkJUnitCounts(t, name, b.Bytes())
	}
}

func checkJUnitStructure(t *testing.T, name string, doc []byte) {
	t.Helper()
	var path []string
	var last []int // the position of the last child in the order of the schema, a level an item
	dec := xml.NewDecoder(bytes.NewReader(doc))
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		switch el := token.(type) {
		case xml.StartElement:
			if len(path) > 0 {
				at := slices.Index(junitSchema[path[len(path)-1]].children, el.Name.Local)
				if at < 0 || at < last[len(last)-1] {
					t.Errorf("%s: <%s> may not stand there in <%s>", name, el.Name.Local, path[len(path)-1])
				}
				last[len(last)-1] = at
			}
			var attributes []string
			for _, a := range el.Attr {
				attributes = append(attributes, a.Name.Local)
			}
			if want := junitSchema[el.Name.Local].attributes; !slices.Equal(attributes, want) {
				t.Errorf("%s: <%s> has attributes %v, want %v", name, el.Name.Local, attributes, want)
			}
			path, last = append(path, el.Name.Local), append(last, 0)
		case xml.EndElement:
			path, last = path[:len(path)-1], last[:len(last)-1]
		}
	}
}

func checkJUnitCounts(t *testing.T, name string, raw []byte) {
	t.Helper()
	var doc junitSuites
	if err := xml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	stamp := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`)
	for i, s := range doc.Suites {
		errors, failures, skipped := 0, 0, 0
		for _, c := range s.Cases {
			kinds := 0
			if c.Error != nil {
				errors, kinds = errors+1, kinds+1
			}
			if c.Failure != nil {
				failures, kinds = failures+1, kinds+1
			}
			if c.Skipped != nil {
				skipped, kinds = skipped+1, kinds+1
			}
			if kinds > 1 || c.Name == "" || c.Classname == "" {
				t.Errorf("%s: case %+v", name, c)
			}
		}
		if s.ID != i || s.Tests != len(s.Cases) || s.Errors != errors || s.Failures != failures || s.Skipped != skipped {
			t.Errorf("%s: suite %s counts %d tests, %d errors, %d failures, %d skipped as %+v", name, s.Name, len(s.Cases), errors, failures, skipped, s)
		}
		if _, err := strconv.ParseFloat(s.Time, 64); err != nil || !stamp.MatchString(s.Timestamp) || s.Hostname == "" {
			t.Errorf("%s: suite %s has time %q, timestamp %q, hostname %q", name, s.Name, s.Time, s.Timestamp, s.Hostname)
		}
	}
}

func TestJUnitSaysEveryKindOfOutcome(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := JUnit(&b, checksFailed(t)); err != nil {
		t.Fatal(err)
	}
	var doc junitSuites
	if err := xml.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	broken, failed, skipped := doc.Suites[0].Cases[1], doc.Suites[1].Cases[0], doc.Suites[1].Cases[1]
	if broken.Name != "db.size" || broken.Error == nil {
		t.Errorf("a check that could not run is %+v", broken)
	}
	if failed.Name != "activity.long_tx" || failed.Failure == nil || !strings.Contains(failed.Failure.Text, "pid 8123") || !strings.Contains(failed.Failure.Text, "fix: SELECT") {
		t.Errorf("a failed check is %+v", failed)
	}
	if skipped.Skipped == nil || skipped.Skipped.Message == "" {
		t.Errorf("a skipped check is %+v", skipped)
	}
}

// TestJUnitShowsAnErrorOutsideEveryStep guards against a run that failed between
// its steps and looks green to CI.
func TestJUnitShowsAnErrorOutsideEveryStep(t *testing.T) {
	t.Parallel()
	run := newStage(t, "migrate").step("plan", 0, nil, ops.Pass("fine")).finish(&ops.Failure{Code: ops.ExitBusy, What: "bob is migrating"})
	var b bytes.Buffer
	if err := JUnit(&b, run); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `<error message="bob is migrating" type="busy">`) {
		t.Errorf("the error is missing:\n%s", b.String())
	}
}

// voidElements have no end tag in HTML.
var voidElements = []string{"meta", "br", "hr", "img", "link", "input"}

func TestHTMLIsSelfContainedAndWellNested(t *testing.T) {
	t.Parallel()
	all := runs(t)
	all["hostile"] = hostile(t)
	tag := regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)([^>]*)>`)
	for name, run := range all {
		var b bytes.Buffer
		if err := HTML(&b, run); err != nil {
			t.Fatal(err)
		}
		var open []string
		for _, m := range tag.FindAllStringSubmatch(b.String(), -1) {
			element := m[2]
			switch {
			case slices.Contains(voidElements, element):
			case m[1] == "":
				open = append(open, element)
			case len(open) == 0 || open[len(open)-1] != element:
				t.Fatalf("%s: </%s> closes %v", name, element, open)
			default:
				open = open[:len(open)-1]
			}
			if element == "script" || element == "link" || element == "img" || element == "iframe" || strings.Contains(m[3], "src=") || strings.Contains(m[3], "href=") || strings.Contains(m[3], " on") {
				t.Errorf("%s: %s reaches out of the page", name, m[0])
			}
		}
		if len(open) > 0 {
			t.Errorf("%s: %v are never closed", name, open)
		}
		for _, want := range []string{"<!DOCTYPE html>", `name="viewport"`, "prefers-color-scheme: dark", "@media print", "default-src 'none'"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: %s is missing", name, want)
			}
		}
		if strings.Contains(b.String(), "ZgotmplZ") {
			t.Errorf("%s: the template engine refused a value", name)
		}
	}
}

func TestHTMLHasEveryStepResultAndFix(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	run := checksFailed(t)
	if err := HTML(&b, run); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if got := strings.Count(page, `<section class="step">`); got != len(run.Steps) {
		t.Errorf("%d steps, want %d", got, len(run.Steps))
	}
	if got := strings.Count(page, `<li class="result">`); got != len(run.Results()) {
		t.Errorf("%d results, want %d", got, len(run.Results()))
	}
	for _, r := range run.Results() {
		if !strings.Contains(page, r.ID) || !strings.Contains(page, r.Fix) {
			t.Errorf("%s or its fix is missing", r.ID)
		}
	}
}
