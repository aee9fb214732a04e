package metrics

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// counted counts what it is asked.
type counted struct {
	Source
	mu    sync.Mutex
	times int
	fails bool
}

func (c *counted) Range(context.Context, string, time.Time, time.Time) ([]Series, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times++
	if c.fails {
		return nil, errors.New("away")
	}
	return []Series{{Labels: Labels{"a": "b"}}}, nil
}

// TestAQuestionIsAskedOnce: also by several at once; another one is asked, and one that
// failed is asked again.
func TestAQuestionIsAskedOnce(t *testing.T) {
	t.Parallel()
	source := &counted{}
	r := Remember(source)
	now := time.Now()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if s, err := r.Range(t.Context(), "up", now, now); err != nil || len(s) != 1 {
				t.Errorf("%v, %v", s, err)
			}
		})
	}
	all.Wait()
	if source.times != 1 {
		t.Errorf("asked %d times", source.times)
	}
	_, _ = r.Range(t.Context(), "up", now, now.Add(1))
	if source.times != 2 {
		t.Error("another moment is another question")
	}
	source.fails = true
	for range 2 {
		if _, err := r.Range(t.Context(), "down", now, now); err == nil {
			t.Error("the failure is lost")
		}
	}
	if source.times != 4 {
		t.Error("a failure is remembered")
	}
}
