package reports

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestHostileTextIsShownAndNotObeyed guards against data from a database that
// clears a terminal, forges lines, runs script or mentions people.
func TestHostileTextIsShownAndNotObeyed(t *testing.T) {
	t.Parallel()
	for _, e := range extensions {
		var b bytes.Buffer
		if err := Write(&b, e.format, hostile(t)); err != nil {
			t.Fatalf("%s: %v", e.format, err)
		}
		if !utf8.Valid(b.Bytes()) {
			t.Errorf("%s is not UTF-8", e.format)
		}
		if e.format == FormatJSON {
			continue // JSON holds the text as it is, escaped by its own rules
		}
		for _, r := range b.String() {
			if r != '\n' && unicode.In(r, unicode.Cc) || e.format != FormatJUnit && r != '\n' && obeyed(r) {
				t.Errorf("%s holds %U", e.format, r)
				break
			}
		}
	}
}

func TestHostileTextAddsNoLineThatLooksLikeOurs(t *testing.T) {
	t.Parallel()
	for _, width := range []int{40, 60, 80} {
		var b bytes.Buffer
		if err := Text(&b, hostile(t), Layout{Width: width}); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if strings.HasPrefix(line, "✓") {
				t.Errorf("at %d columns the data made a line of its own: %q", width, line)
			}
		}
	}
}

func TestHostileTextCannotMarkUpHTML(t *testing.T) {
	t.Parallel()
	var clean, dirty bytes.Buffer
	if err := HTML(&dirty, hostile(t)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ToLower(dirty.String()), "<script") {
		t.Error("a script element got through")
	}
	run := hostile(t)
	harmless := strings.NewReplacer("<", "", ">", "").Replace(hostileText)
	run.Conclusion[0] = harmless
	if err := HTML(&clean, run); err != nil {
		t.Fatal(err)
	}
	if a, b := strings.Count(clean.String(), "<"), strings.Count(dirty.String(), "<"); a != b {
		t.Errorf("hostile text added %d tags", b-a)
	}
}

func TestHostileTextCannotMarkUpMarkdown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"<b>&amp;</b>":         "&lt;b\\>&amp;amp;&lt;/b\\>",
		"@everyone, a@b, (@x)": "`@`everyone, a@b, (`@`x)",
		"1. not a list":        `1\. not a list`,
		"- nor this":           `\- nor this`,
		"# nor a heading":      `\# nor a heading`,
		"a|b `c` [d](e)":       "a\\|b \\`c\\` \\[d\\](e)",
		"https://evil.example": `https:\//evil.example`,
		"line\nbreak":          "line break",
		`back\slash`:           `back\\slash`,
	} {
		if got := mdText(text); got != want {
			t.Errorf("mdText(%q) = %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{"a": "`a`", "a`b": "``a`b``", "`": "`` ` ``", "": "", "a\nb": "`a b`"} {
		if got := mdCode(text); got != want {
			t.Errorf("mdCode(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestMarkdownFenceCannotBeClosedByItsText(t *testing.T) {
	t.Parallel()
	m := &markdown{}
	m.fence("", []string{"a", "```", "````js", "b"})
	lines := strings.Split(strings.TrimSpace(m.b.String()), "\n")
	if first, last := lines[0], lines[len(lines)-1]; first != "`````" || last != first {
		t.Errorf("fence is %q … %q", first, last)
	}
}

func TestHostileTextSurvivesJSONUnchanged(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := JSON(&b, hostile(t)); err != nil {
		t.Fatal(err)
	}
	d, err := DecodeRun(&b)
	if err != nil {
		t.Fatal(err)
	}
	// JSON is UTF-8 by definition: the one invalid byte becomes U+FFFD.
	want := strings.ToValidUTF8(hostileText, "\ufffd")
	if got := d.Steps[0].Results[0].Evidence[0].Value; got != want {
		t.Errorf("evidence is %q, want %q", got, want)
	}
	var data map[string]string
	if err := json.Unmarshal(d.Data, &data); err != nil || data[want] != want {
		t.Errorf("data is %q, %v", data, err)
	}
}

func TestHostileTextLeavesXMLWellFormed(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := JUnit(&b, hostile(t)); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(b.Bytes(), new(junitSuites)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsRune(b.String(), '\ufffd') {
		t.Error("an invalid character was replaced instead of removed")
	}
}

func TestNeutralShowsWhatWouldBeObeyed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain é 日本":        "plain é 日本",
		"\x1b[31mred\x1b[m": `\x1b[31mred\x1b[m`,
		"a\nb\r\nc\td":      "a b c d",
		"bell\x07 del\x7f":  `bell\x07 del\x7f`,
		"c1\u009b":          `c1\u009b`,
		"\u202eabc\u2066":   `\u202eabc\u2066`,
		"tag\U000e0041":     `tag\U000e0041`,
		"bad\xffbyte":       `bad\xffbyte`,
		"sep\u2028":         `sep\u2028`,
		"  trimmed  ":       "trimmed",
	} {
		if got := Neutral(text); got != want {
			t.Errorf("Neutral(%q) = %s, want %s", text, got, want)
		}
	}
}
