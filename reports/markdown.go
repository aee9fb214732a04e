package reports

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"

	"github.com/clipper/clipperops/internal/ops"
)

// Markdown writes the run for a pull request or an incident's notes. What came
// from elsewhere is escaped or stands in code: it can neither format, link nor
// mention anybody.
func Markdown(w io.Writer, run *ops.Run) error {
	m := &markdown{}
	m.head(run)
	for i, f := range failuresOf(run) {
		if i == 0 {
			m.line("### What went wrong", "")
		}
		m.failure(f)
	}
	if run.Err == nil && len(run.Next) > 0 {
		m.line("### Next", "")
		m.bullets("", run.Next)
		m.line("")
	}
	for _, s := range run.Steps {
		m.step(s)
	}
	if len(run.Artifacts) > 0 {
		m.line("### Files", "")
		for _, a := range run.Artifacts {
			m.line("- " + mdText(a.Kind) + ": " + mdCode(a.Path) + fileFacts(a, mdCode))
		}
		m.line("")
	}
	_, err := io.WriteString(w, strings.TrimRight(m.b.String(), "\n")+"\n")
	return err
}

type markdown struct{ b strings.Builder }

func (m *markdown) line(lines ...string) {
	for _, l := range lines {
		m.b.WriteString(l + "\n")
	}
}

func (m *markdown) head(run *ops.Run) {
	m.line(fmt.Sprintf("## %s clipperops %s: %s", Layout{}.Mark(statusOf(run.Outcome())), mdText(run.Command), outcomeWords(run.Outcome())), "")
	if len(run.Conclusion) > 0 {
		lines := make([]string, len(run.Conclusion))
		for i, c := range run.Conclusion {
			lines[i] = mdText(unmarked(c))
		}
		m.line(strings.Join(lines, "\\\n"), "")
	}
	m.line("| | |", "| --- | --- |")
	for _, f := range aboutRun(run) {
		value := mdText(f.Value)
		if f.Name == "database" || f.Name == "run" || f.Name == "operator" {
			value = strings.ReplaceAll(mdCode(f.Value), "|", `\|`)
		}
		m.line("| " + f.Name + " | " + value + " |")
	}
	m.line("")
}

func (m *markdown) failure(f *ops.Failure) {
	m.line("**"+mdText(f.Error())+"**", "")
	if detail := detailOf(f); len(detail) > 0 {
		m.fence("", detail)
		m.line("")
	}
	for _, s := range f.State {
		m.line("- " + mdText(s))
	}
	if len(f.Next) > 0 {
		m.bullets("next: ", f.Next)
	}
	m.line("")
}

func (m *markdown) step(s *ops.Step) {
	m.line(fmt.Sprintf("### %s: %s, %s", mdText(s.Name), stepWords(s), Duration(s.Took)), "")
	for _, r := range s.Results {
		m.result(r)
	}
	if len(s.Results) > 0 {
		m.line("")
	}
}

func (m *markdown) result(r ops.Result) {
	text := "- " + Layout{}.Mark(r.Status) + " " + mdText(r.Summary)
	if r.Summary == "" {
		text += mdText(r.Title)
	}
	if r.ID != "" {
		text += " " + mdCode(r.ID)
	}
	m.line(text)
	for _, f := range r.Evidence {
		name := mdText(f.Name)
		value := valueLines(f)
		switch {
		case f.Value == "":
			m.line("  - " + name)
		case len(value) > 1 || f.Literal:
			m.line(strings.TrimRight("  - "+name, " "), "")
			m.fence("    ", value)
		case name == "":
			m.line("  - " + mdCode(f.Value))
		default:
			m.line("  - " + name + ": " + mdCode(f.Value))
		}
	}
	if r.Fix != "" && bad(r.Status) {
		m.bullets("  fix: ", []string{r.Fix})
	}
}

// bullets lists what can be typed; the label's leading spaces indent it.
func (m *markdown) bullets(label string, items []string) {
	text := strings.TrimLeft(label, " ")
	indent := label[:len(label)-len(text)]
	for _, item := range items {
		for _, line := range neutralLines(item) {
			m.line(indent + "- " + text + mdCode(line))
		}
	}
}

// fence writes lines as a block of code whose fence no line can close.
func (m *markdown) fence(indent string, lines []string) {
	var clean []string
	for _, l := range lines {
		clean = append(clean, neutralLines(l)...)
	}
	fence := strings.Repeat("`", max(3, longestTicks(strings.Join(clean, "\n"))+1))
	m.line(indent + fence)
	for _, l := range clean {
		m.line(strings.TrimRight(indent+l, " "))
	}
	m.line(indent + fence)
}

var ticks = regexp.MustCompile("`+")

func longestTicks(s string) int {
	longest := 0
	for _, run := range ticks.FindAllString(s, -1) {
		longest = max(longest, len(run))
	}
	return longest
}

// mdCode renders text as inline code.
func mdCode(s string) string {
	s = Neutral(s)
	if s == "" {
		return ""
	}
	fence := strings.Repeat("`", longestTicks(s)+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// listStart is what would begin a list or a heading at the start of a line.
var listStart = regexp.MustCompile(`^(\d+)([.)])|^([-+=])`)

// mdText renders text as text and nothing else.
func mdText(s string) string {
	var b strings.Builder
	previous := ' '
	for _, r := range Neutral(s) {
		switch {
		case r == '@' && !unicode.IsLetter(previous) && !unicode.IsDigit(previous):
			b.WriteString("`@`") // escaping alone would still mention somebody
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case strings.ContainsRune("\\`*_{}[]>#|~$", r), r == '/' && previous == ':':
			b.WriteString(`\` + string(r))
		default:
			b.WriteRune(r)
		}
		previous = r
	}
	return listStart.ReplaceAllString(b.String(), `$1\$2$3`)
}
