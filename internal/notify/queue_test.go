package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/clipper/clipperops/internal/notify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for a loaded machine.
const patience = time.Minute

// scripted is a channel that does as the test says.
type scripted struct {
	send func(ctx context.Context, m notify.Message) error
}

func (s scripted) Send(ctx context.Context, m notify.Message) error { return s.send(ctx, m) }
func (scripted) String() string                                     { return "scripted" }

// recorder is a channel that takes everything.
type recorder struct {
	mu  sync.Mutex
	got []notify.Message
}

func (r *recorder) Send(_ context.Context, m notify.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, m)
	return nil
}

func (*recorder) String() string { return "recorder" }

// titles are those of the messages taken, with what they say of others.
func (r *recorder) titles() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, m := range r.got {
		title := m.Title
		for _, f := range m.Facts {
			title += fmt.Sprintf("(%s %s)", strings.Fields(f.Name)[0], f.Value)
		}
		all = append(all, title)
	}
	return strings.Join(all, " ")
}

func finish(t *testing.T, q *notify.Queue) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	if err := q.Close(ctx); err != nil {
		t.Error(err)
	}
}

// TestMessagesOfAKeyAreLimitedTogether: one in five minutes, the next says how many
// were held back; pages, other keys, none and what is more urgent get through.
func TestMessagesOfAKeyAreLimitedTogether(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	var r recorder
	q := notify.New([]notify.Channel{&r}, notify.Options{Now: func() time.Time { return now }})
	post := func(key string, level notify.Level, title string) {
		q.Post(notify.Message{Key: key, Level: level, Title: title})
	}
	post("a", notify.Info, "a1")
	post("a", notify.Info, "a2")
	post("b", notify.Info, "b1")
	post("", notify.Info, "free1")
	post("", notify.Info, "free2")
	now = now.Add(5*time.Minute - 1)
	post("a", notify.Info, "a3")
	now = now.Add(1)
	post("a", notify.Info, "a4")
	post("a", notify.Warning, "worse")
	post("a", notify.Warning, "as-bad")
	post("a", notify.Info, "less-bad")
	finish(t, q)
	if got, want := r.titles(), "a1 b1 free1 free2 a4(Held 2) worse"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}

	var pages recorder
	q = notify.New([]notify.Channel{&pages}, notify.Options{Now: func() time.Time { return now }})
	for i := range 3 {
		post("c", notify.Page, fmt.Sprint("p", i))
	}
	now = now.Add(-time.Hour) // the clock is set back
	post("c", notify.Info, "back")
	finish(t, q)
	if got, want := pages.titles(), "p0 p1 p2 back"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// TestManyKeysAreForgotten: each key is remembered for its time and no longer.
func TestManyKeysAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	var r recorder
	q := notify.New([]notify.Channel{&r}, notify.Options{Every: time.Second, Size: 10_000, Now: func() time.Time { return now }})
	for i := range 2000 {
		q.Post(notify.Message{Key: fmt.Sprint(i), Title: "x"})
		now = now.Add(time.Millisecond)
		q.Post(notify.Message{Key: fmt.Sprint(i), Title: "y"})
	}
	finish(t, q)
	if n := strings.Count(r.titles(), "x"); n != 2000 || strings.Contains(r.titles(), "y") {
		t.Errorf("%d of 2000 were sent", n)
	}
}

// TestAFullQueueLosesTheLeastUrgent: the oldest of them, the next message says how
// many, and a page goes before all others.
func TestAFullQueueLosesTheLeastUrgent(t *testing.T) {
	t.Parallel()
	busy, release := make(chan struct{}), make(chan struct{})
	var r recorder
	c := scripted{func(ctx context.Context, m notify.Message) error {
		if m.Title == "first" {
			close(busy)
			<-release
		}
		return r.Send(ctx, m)
	}}
	q := notify.New([]notify.Channel{c}, notify.Options{Size: 4})
	post := func(level notify.Level, title string) { q.Post(notify.Message{Level: level, Title: title}) }
	post(notify.Info, "first")
	<-busy
	post(notify.Info, "i1")
	post(notify.Warning, "w1")
	post(notify.Info, "i2")
	post(notify.Page, "p1")
	post(notify.Warning, "w2") // i1 goes
	post(notify.Warning, "w3") // i2 goes
	post(notify.Info, "i3")    // is the least itself
	post(notify.Page, "p2")    // w1 goes
	close(release)
	finish(t, q)
	if got, want := r.titles(), "first p1(Not 4) p2 w2 w3"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// TestWhatFailsIsTriedAgain: so often as was said, with longer and longer pauses, not
// when the refusal is final; what did not arrive is counted in the next that does.
func TestWhatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		var at []time.Duration
		begun := time.Now()
		c := scripted{func(ctx context.Context, m notify.Message) error {
			if m.Title == "bad" {
				at = append(at, time.Since(begun))
				return errors.New("no")
			}
			return r.Send(ctx, m)
		}}
		var told []string
		q := notify.New([]notify.Channel{c}, notify.Options{OnError: func(channel string, err error) { told = append(told, channel+": "+err.Error()) }})
		q.Post(notify.Message{Title: "bad"})
		q.Post(notify.Message{Title: "good"})
		finish(t, q)
		if len(at) != 4 {
			t.Fatalf("tried at %v", at)
		}
		for i, least := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second} {
			pause := at[i]
			if i > 0 {
				pause -= at[i-1]
			}
			if pause < least || pause > least*5/4+1 {
				t.Errorf("pause %d is %s, want %s to a quarter more", i, pause, least)
			}
		}
		if r.titles() != "good(Not 1)" || len(told) != 1 || told[0] != `scripted: "bad" was not delivered: no` {
			t.Errorf("sent %q, told %q", r.titles(), told)
		}
	})
}

// Guards against a message that counts as sent when it was only taken, or was given up.
func TestWhatWasSentIsSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		refuses := scripted{func(context.Context, notify.Message) error { return errors.New("no") }}
		q := notify.New([]notify.Channel{&r, refuses}, notify.Options{})
		var sent []string
		q.Post(notify.Message{Title: "page", Sent: func(channel string) { sent = append(sent, channel+" has "+r.titles()) }})
		finish(t, q)
		if len(sent) != 1 || sent[0] != "recorder has page" {
			t.Errorf("sent: %q", sent)
		}
	})
}

// TestAttemptsEnd: one that hangs is given up after its time, and Close says what it
// could not send within its own.
func TestAttemptsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		c := scripted{func(ctx context.Context, _ notify.Message) error {
			attempts++
			<-ctx.Done()
			return ctx.Err()
		}}
		q := notify.New([]notify.Channel{c}, notify.Options{})
		for range 3 {
			q.Post(notify.Message{Title: "x"})
		}
		ctx, stop := context.WithTimeout(t.Context(), 15*time.Second)
		defer stop()
		begun := time.Now()
		err := q.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), "scripted 3") || time.Since(begun) > 17*time.Second || attempts != 2 {
			t.Errorf("%v after %s and %d attempts", err, time.Since(begun), attempts)
		}
		q.Post(notify.Message{Title: "late"})
		synctest.Wait()
		if err := q.Close(t.Context()); err != nil || attempts != 2 {
			t.Errorf("closed again: %v, %d attempts", err, attempts)
		}
	})
}

// TestAHangingChannelHoldsUpNoOther, nor who posts.
func TestAHangingChannelHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	asked, gone := make(chan struct{}), make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // until then the server does not notice who hangs up
		close(asked)
		<-r.Context().Done()
		close(gone)
	}))
	defer hanging.Close()
	const n = 50
	arrived := make(chan string, n)
	working := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		var got struct{ Title string }
		_ = json.NewDecoder(r.Body).Decode(&got)
		arrived <- got.Title
	})
	channels := []notify.Channel{
		must(notify.Slack(hanging.URL+"/services/T0/B0/secretpath", nil)),
		must(notify.Webhook(working, "", nil)),
	}
	q := notify.New(channels, notify.Options{Retries: -1, Timeout: patience})
	sent := make(chan string, n) // once its answer was read: until then a message is on its way
	for i := range n {
		q.Post(notify.Message{Title: fmt.Sprint(i), Sent: func(channel string) { sent <- channel }})
	}
	for i := range n {
		select {
		case channel := <-sent:
			if title := <-arrived; title != fmt.Sprint(i) || !strings.HasPrefix(channel, "webhook") {
				t.Fatalf("message %d is %q, by %s", i, title, channel)
			}
		case <-time.After(patience):
			t.Fatalf("%d of %d arrived", i, n)
		}
	}
	<-asked
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	err := q.Close(ctx)
	if err == nil || !strings.Contains(err.Error(), "slack 127.0.0.1") || strings.Contains(err.Error(), "webhook") || strings.Contains(err.Error(), "secretpath") {
		t.Errorf("closing says %v", err)
	}
	<-gone // the request that hung was given up
}

// TestPostingWhileClosing: many at once, none is waited for, nothing races.
func TestPostingWhileClosing(t *testing.T) {
	t.Parallel()
	var r recorder
	q := notify.New([]notify.Channel{&r, notify.Writer(io.Discard)}, notify.Options{Size: 10})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for j := range 50 {
				q.Post(notify.Message{Key: fmt.Sprint(i, j%7), Level: notify.Page, Title: "x"})
			}
		})
	}
	all.Go(func() { finish(t, q) })
	all.Wait()
}

func must(c notify.Channel, err error) notify.Channel {
	if err != nil {
		panic(err)
	}
	return c
}

// serve is a server until the test ends, and its URL.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}
