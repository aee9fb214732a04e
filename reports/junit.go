package reports

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// The elements of JUnit's XML, in the order both of its schemas in use (Apache
// Ant's and the Jenkins xUnit plugin's) accept.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Package    string          `xml:"package,attr"`
		ID         int             `xml:"id,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Hostname   string          `xml:"hostname,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out"`
		Err        string          `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		Skipped   *junitSkipped `xml:"skipped"`
		Error     *junitProblem `xml:"error"`
		Failure   *junitProblem `xml:"failure"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the run as JUnit XML: a suite a step, a case a result, named by
// the check's id. A check that could not run, and a step that returned an error,
// is an error; a warning passes and stands in the suite's system-out.
func JUnit(w io.Writer, run *ops.Run) error {
	var doc junitSuites
	for _, s := range run.Steps {
		doc.add(run, s.Name, s.Started.UTC().Format(junitTime), newSuite(run, s))
	}
	if left := unseen(run); left != nil || len(run.Steps) == 0 {
		suite := junitSuite{Time: seconds(run.Took.Seconds())}
		suite.Cases = append(suite.Cases, junitCase{Name: junitName(run.Command), Time: suite.Time, Error: left})
		doc.add(run, "run", run.Started.UTC().Format(junitTime), suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// junitTime is the timestamp of the schema, which allows no zone; it is UTC.
const junitTime = "2006-01-02T15:04:05"

// add completes a suite with what all suites have and counts its cases.
func (d *junitSuites) add(run *ops.Run, name, timestamp string, s junitSuite) {
	s.Name, s.Timestamp, s.Hostname, s.ID = junitName(name), timestamp, junitName(run.Host), len(d.Suites)
	s.Package = junitName("clipperops." + strings.ReplaceAll(run.Command, " ", "."))
	for _, f := range aboutRun(run) {
		s.Properties = append(s.Properties, junitProperty{Name: f.Name, Value: xmlText(f.Value)})
	}
	s.Tests = len(s.Cases)
	for i := range s.Cases {
		c := &s.Cases[i]
		c.Classname = s.Package + "." + s.Name
		switch {
		case c.Error != nil:
			s.Errors++
		case c.Failure != nil:
			s.Failures++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
	d.Suites = append(d.Suites, s)
}

func newSuite(run *ops.Run, s *ops.Step) junitSuite {
	suite := junitSuite{Time: seconds(s.Took.Seconds())}
	for i, r := range s.Results {
		c := junitCase{Name: junitName(r.ID), Time: seconds(r.Took.Seconds())}
		if r.ID == "" {
			c.Name = fmt.Sprintf("%s %d", junitName(s.Name), i+1)
		}
		switch {
		case r.Err != nil:
			c.Error = &junitProblem{Message: xmlText(Neutral(r.Summary)), Type: "error", Text: particulars(r)}
		case r.Status == ops.StatusFail:
			c.Failure = &junitProblem{Message: xmlText(Neutral(r.Summary)), Type: "failure", Text: particulars(r)}
		case r.Status == ops.StatusSkip:
			c.Skipped = &junitSkipped{Message: xmlText(Neutral(r.Summary))}
		case r.Status == ops.StatusWarn:
			suite.Out += "warning " + c.Name + ": " + xmlText(Neutral(r.Summary)) + "\n" + particulars(r)
		}
		suite.Cases = append(suite.Cases, c)
	}
	if s.Err != nil || len(s.Results) == 0 {
		suite.Cases = append(suite.Cases, junitCase{Name: junitName(s.Name), Time: suite.Time, Error: problemOf(failureOf(s.Err))})
	}
	return suite
}

// unseen is the error of a run that none of its steps returned.
func unseen(run *ops.Run) *junitProblem {
	if run.Err == nil {
		return nil
	}
	for _, s := range run.Steps {
		if s.Err != nil && errors.Is(run.Err, s.Err) {
			return nil
		}
	}
	if ops.CodeOf(run.Err) == ops.ExitChecks && ops.Count(run.Results()).Fail > 0 {
		return nil // the failed cases say it already
	}
	return problemOf(failureOf(run.Err))
}

func problemOf(f *ops.Failure) *junitProblem {
	if f == nil {
		return nil
	}
	text := append([]string{}, detailOf(f)...)
	text = append(text, f.State...)
	for _, n := range f.Next {
		text = append(text, "next: "+n)
	}
	return &junitProblem{Message: xmlText(Neutral(f.Error())), Type: string(f.Code.Outcome()), Text: xmlText(strings.Join(text, "\n"))}
}

// particulars are the evidence and fix of a result, a line each.
func particulars(r ops.Result) string {
	var b strings.Builder
	for _, f := range r.Evidence {
		b.WriteString(strings.TrimSpace(f.Name+"  "+f.Value) + "\n")
	}
	if r.Fix != "" {
		b.WriteString("fix: " + r.Fix + "\n")
	}
	return xmlText(b.String())
}

// junitName is a name as the schema wants it: not empty, spaces single.
func junitName(s string) string {
	if name := strings.Join(strings.Fields(xmlText(s)), " "); name != "" {
		return name
	}
	return "unknown"
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

// xmlText removes what XML 1.0 cannot hold; section 2.2 of its recommendation.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r >= 0x20 && r <= 0xd7ff, r >= 0xe000 && r <= 0xfffc, r >= 0x10000 && r <= 0x10ffff:
			return r
		}
		return -1
	}, s)
}
