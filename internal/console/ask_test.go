package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

var question = ops.Question{Lines: []string{"This changes production."}, Word: "ROLLBACK"}

func TestOnlyTheExactWordConfirms(t *testing.T) {
	t.Parallel()
	for typed, confirmed := range map[string]bool{
		"ROLLBACK\n": true, "  ROLLBACK \r\n": true,
		"rollback\n": false, "yes\n": false, "\n": false, "": false, "ROLLBACK": false, "ROLLBACK now\n": false, "\"ROLLBACK\"\n": false,
	} {
		var b bytes.Buffer
		err := New(Options{Err: &b, In: strings.NewReader(typed), Interactive: true}).Ask(context.Background(), question)
		if !strings.HasSuffix(strings.TrimRight(b.String(), "\n"), "This changes production.\nType 'ROLLBACK' to continue: ") {
			t.Errorf("asked %q", b.String())
		}
		if confirmed != (err == nil) {
			t.Errorf("%q gave %v", typed, err)
		}
		var f *ops.Failure
		if err != nil && (!errors.As(err, &f) || f.Code != ops.ExitRefused || f.What != "not confirmed" || len(f.State) == 0) {
			t.Errorf("%q gave %#v, want a refusal that says what is true", typed, err)
		}
	}
}

func TestWithoutATerminalYesIsNeeded(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	err := New(Options{Err: &b, In: strings.NewReader("ROLLBACK\n")}).Ask(context.Background(), question)
	var f *ops.Failure
	if !errors.As(err, &f) || f.Code != ops.ExitRefused || !strings.Contains(strings.Join(f.Next, " "), "--yes") {
		t.Errorf("got %v, want a refusal that names --yes", err)
	}
	if strings.Contains(b.String(), "Type '") {
		t.Errorf("asked although there is nobody: %q", b.String())
	}
}

// TestItIsKnownBeforehandThatNobodyCanAnswer guards against a change that is
// refused only after its backup was taken.
func TestItIsKnownBeforehandThatNobodyCanAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		options    Options
		answerable bool
	}{{Options{}, false}, {Options{Interactive: true}, true}, {Options{AssumeYes: true}, true}} {
		if err := New(tt.options).Answerable(); (err == nil) != tt.answerable {
			t.Errorf("%+v: %v", tt.options, err)
		}
	}
}

func TestAssumeYesConfirmsAndSaysSo(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := New(Options{Err: &b, AssumeYes: true}).Ask(context.Background(), question); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "This changes production.\nconfirmed by --yes\n") {
		t.Errorf("said %q", b.String())
	}
}

func TestAQuestionOnAClosedInputIsRefused(t *testing.T) {
	t.Parallel()
	var f *ops.Failure
	if err := New(Options{Interactive: true}).Ask(context.Background(), question); !errors.As(err, &f) || f.Code != ops.ExitRefused {
		t.Errorf("got %v", err)
	}
}

// TestCancellingEndsAQuestionAtOnce guards against a Ctrl-C at the prompt that
// waits for Enter.
func TestCancellingEndsAQuestionAtOnce(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = read.Close(), write.Close() })
	s := newScreen()
	c := New(Options{Err: s, In: read, Interactive: true})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Ask(ctx, question) }()
	s.await(t, "to continue: ")
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the question did not end")
	}
	if !strings.HasSuffix(s.String(), "to continue: \n") {
		t.Errorf("the prompt's line is still open: %q", s.String())
	}

	// The read that is still under way belongs to the next question.
	go func() { done <- c.Ask(context.Background(), question) }()
	if _, err := io.WriteString(write, "ROLLBACK\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the next question got %v", err)
	}
}

func TestACancelledContextAsksNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var b bytes.Buffer
	err := New(Options{Err: &b, In: strings.NewReader("ROLLBACK\n"), Interactive: true}).Ask(ctx, question)
	if !errors.Is(err, context.Canceled) || b.Len() > 0 {
		t.Errorf("got %v and %q", err, b.String())
	}
}

// TestEventsAreShownWhileAQuestionStands guards against a Sink that blocks the
// rest of the program until somebody answers.
func TestEventsAreShownWhileAQuestionStands(t *testing.T) {
	t.Parallel()
	read, write := io.Pipe()
	s := newScreen()
	c := New(Options{Out: s, Err: s, In: read, Interactive: true})
	done := make(chan error, 1)
	go func() { done <- c.Ask(context.Background(), question) }()
	s.await(t, "to continue: ")
	preflight(c)
	if _, err := io.WriteString(write, "ROLLBACK\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
