package notify

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Writer writes one line a message.
func Writer(w io.Writer) Channel { return &writer{w: w} }

type writer struct {
	mu sync.Mutex
	w  io.Writer
}

func (*writer) String() string { return "writer" }

func (w *writer) Send(_ context.Context, m Message) error {
	var line strings.Builder
	fmt.Fprintf(&line, "%s %s", m.At.UTC().Format(time.RFC3339), m.Level)
	for _, word := range []string{m.Environment, m.Flag} {
		if word != "" {
			line.WriteString(" " + flat(word))
		}
	}
	line.WriteString(" " + flat(m.Title))
	if m.Text != "" {
		line.WriteString(": " + flat(m.Text))
	}
	for _, f := range m.Facts {
		line.WriteString("; " + flat(f.Name) + ": " + flat(f.Value))
	}
	line.WriteString("\n")
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := io.WriteString(w.w, line.String())
	return err
}

// flat is the text on one line, with nothing in it that steers a terminal.
func flat(text string) string {
	var out strings.Builder
	for _, r := range strings.Join(strings.Fields(text), " ") {
		if strconv.IsPrint(r) {
			out.WriteRune(r)
		}
	}
	return out.String()
}
