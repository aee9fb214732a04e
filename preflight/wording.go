package preflight

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// maxEvidence is how many findings of one kind are listed; the rest is counted.
const maxEvidence = 12

// again ends a fix that is to be typed elsewhere.
const again = "   then run preflight again"

// count renders "1 file" or "3 files".
func count[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// size renders bytes in decimal units, as disks count.
func size(n int64) string {
	value := float64(n)
	for _, unit := range []string{"bytes", "kB", "MB", "GB"} {
		if value < 999.5 {
			if value < 9.95 && unit != "bytes" {
				return fmt.Sprintf("%.1f %s", value, unit)
			}
			return fmt.Sprintf("%.0f %s", value, unit)
		}
		value /= 1000
	}
	return fmt.Sprintf("%.1f TB", value)
}

// age renders how long something has lasted: "31 s", "47 min", "3 h 12 min".
func age(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// literals are what a query may carry that is nobody's business: passwords in
// ALTER ROLE, people's data.
var literals = regexp.MustCompile(`(?s)'(?:[^']|'')*(?:'|$)|\$([A-Za-z_]\w*)?\$.*`)

// shortQuery makes another session's query one harmless line.
func shortQuery(query string) string {
	line := strings.Join(strings.Fields(literals.ReplaceAllString(query, "'…'")), " ")
	if runes := []rune(line); len(runes) > 80 {
		return string(runes[:79]) + "…"
	}
	return line
}

func quote(names ...string) string { return pgx.Identifier(names).Sanitize() }

// limited cuts facts to maxEvidence and says how many were left out.
func limited(facts []ops.Fact) []ops.Fact {
	if len(facts) <= maxEvidence {
		return facts
	}
	rest := len(facts) - maxEvidence
	return append(facts[:maxEvidence:maxEvidence], ops.Fact{Name: fmt.Sprintf("and %d more", rest)})
}

// distinct joins texts, each once, one a line.
func distinct(texts []string) string {
	var once []string
	seen := map[string]bool{}
	for _, text := range texts {
		if text != "" && !seen[text] {
			seen[text] = true
			once = append(once, text)
		}
	}
	if len(once) > maxEvidence {
		once = append(once[:maxEvidence:maxEvidence], "…")
	}
	return strings.Join(once, "\n")
}

// fromFailure turns an error made for operators into a finding.
func fromFailure(err error) ops.Result {
	f := ops.AsFailure(err)
	var facts []ops.Fact
	for _, line := range f.Detail {
		facts = append(facts, ops.Fact{Name: strings.TrimSpace(line)})
	}
	fix := strings.Join(f.Next, "\n")
	if fix == "" {
		fix = "mend what the message names, then run the same command again"
	}
	return ops.Fail(f.What, fix, limited(facts)...)
}

// unanswered is the result of a question the server did not answer.
func unanswered(err error) ops.Result {
	return ops.Broken(err, "run the same command again; when it stays, the message above is the server's own")
}
