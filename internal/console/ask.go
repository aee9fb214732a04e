package console

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// unchanged is what is true when nobody confirmed; a caller who knows better
// replaces it.
const unchanged = "nothing was changed"

// Ask shows the question on Err and reads one line from In. It returns nil when
// the word was typed, a *ops.Failure with ExitRefused when something else was or
// when there is nobody to ask, and the context's error, at once, when ctx ends
// while the question stands. With AssumeYes it confirms without asking.
func (c *Console) Ask(ctx context.Context, q ops.Question) error {
	c.asking.Lock()
	defer c.asking.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	c.live.hold()
	defer c.live.release()
	c.pose(q)
	switch {
	case c.options.AssumeYes:
		return nil
	case !c.options.Interactive:
		return c.Answerable()
	}
	line, err := c.answers.next(ctx)
	confirmed := err == nil && ctx.Err() == nil && strings.TrimSpace(line) == q.Word
	if confirmed || err != nil {
		c.toErr("\n") // an empty line, or the end of the prompt's line, which is still open
	}
	switch {
	case confirmed:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &ops.Failure{Code: ops.ExitRefused, What: "not confirmed", State: []string{unchanged}, Next: []string{"the same command, and answer " + q.Word}}
}

// Answerable returns nil when Ask could be answered: at a terminal, or by AssumeYes.
func (c *Console) Answerable() error {
	if c.options.AssumeYes || c.options.Interactive {
		return nil
	}
	return &ops.Failure{
		Code:  ops.ExitRefused,
		What:  "not confirmed: there is no terminal to ask on",
		State: []string{unchanged},
		Next:  []string{"add --yes to confirm without a terminal"},
	}
}

// pose shows what a question is about, and the prompt where somebody is asked.
func (c *Console) pose(q ops.Question) {
	var lines []string
	for _, text := range q.Lines {
		lines = append(lines, c.err.layout.Wrap(0, text)...)
	}
	text := ""
	switch {
	case c.options.AssumeYes:
		lines = append(lines, "confirmed by --yes", "")
	case c.options.Interactive:
		text = fmt.Sprintf("Type '%s' to continue: ", q.Word)
	}
	if !c.options.Quiet {
		lines = spaced(lines)
	}
	if len(lines) > 0 {
		text = strings.Join(lines, "\n") + "\n" + text
	}
	c.toErr(text)
}

// answers reads lines from an input whose reads cannot be cancelled. A line that
// was asked for and not waited for goes to the next who asks.
type answers struct {
	in      io.Reader
	buffer  *bufio.Reader
	pending chan answer
}

type answer struct {
	line string
	err  error
}

// next returns the next line, or the context's error as soon as ctx ends. The
// read then goes on in the background; it does not keep the process from ending.
func (a *answers) next(ctx context.Context) (string, error) {
	if a.in == nil {
		return "", io.EOF
	}
	if a.buffer == nil {
		a.buffer = bufio.NewReader(a.in)
	}
	if a.pending == nil {
		pending, buffer := make(chan answer, 1), a.buffer
		a.pending = pending
		go func() {
			line, err := buffer.ReadString('\n')
			pending <- answer{line, err}
		}()
	}
	select {
	case got := <-a.pending:
		a.pending = nil
		return got.line, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
