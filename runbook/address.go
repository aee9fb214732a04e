package runbook

import (
	"context"
	"regexp"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// suggestion is a clipperops command in a text, with the flags it was given.
var suggestion = regexp.MustCompile(`\bclipperops (?:migrate (?:status|rehearse|repair|force [0-9A-Za-z]+)|scratch (?:list|prune)|backup list|backup create|config show|preflight|migrate|validate|rollback|backup|history)\b(?: --[a-z-]+(?: [0-9A-Za-z./_]+)?)*`)

// addressed adds to each clipperops command in a text the flags that lead to this
// database. The verbs that write such texts know commands but not where the
// operator is: typed as they stand, they would run on staging.
func (s *Session) addressed(text string) string {
	if !strings.Contains(text, "clipperops ") {
		return text
	}
	var b strings.Builder
	end := 0
	for _, at := range suggestion.FindAllStringIndex(text, -1) {
		b.WriteString(text[end:at[1]])
		end = at[1]
		if isCommand(text[at[0]:at[1]], text[end:]) {
			command := strings.TrimPrefix(text[at[0]:at[1]], "clipperops ")
			b.WriteString(" " + strings.Join(s.address(command), " "))
		}
	}
	return b.String() + text[end:]
}

// isCommand tells a command that lacks its address from one that has it, from one that
// only begins like it, and from the application_name of a session, "clipperops migrate
// (alice@ops1)".
func isCommand(found, rest string) bool {
	return !strings.HasPrefix(rest, " restore ") && !strings.Contains(found, " --env") && !strings.HasPrefix(rest, " --") && !strings.HasPrefix(rest, " (")
}

func (s *Session) addressedAll(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = s.addressed(l)
	}
	return out
}

// check runs checks in a step, their fixes addressed to this database.
func (f *flow) check(ctx context.Context, s *ops.Step, checks []ops.Check) error {
	for i, c := range checks {
		run := c.Run
		checks[i].Run = func(ctx context.Context) ops.Result {
			r := run(ctx)
			r.Fix = f.addressed(r.Fix)
			return r
		}
	}
	return s.Check(ctx, checks)
}
