package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/notify"
)

// example is a message with everything in it that could be taken for markup.
func example() notify.Message {
	return notify.Message{
		Key: "rollback:error-rate", Level: notify.Page, Title: "Rolled back <to> 10%", Text: "14 errors in 2,310 & more\n<!channel> 0.6% < 2%",
		Facts:       []notify.Fact{{Name: "errors", Value: "0.6% < 2%"}, {Name: "code", Value: "a_b"}},
		Environment: "production", Flag: "twitch_moderation", At: time.Date(2026, 3, 1, 3, 4, 5, 0, time.UTC), Tags: []string{"rollback"},
	}
}

// request is what a server was asked.
type request struct {
	path, authorization, kind string
	body                      any
}

// listen is a server that answers 200 and hands out what it is asked.
func listen(t *testing.T) (url string, asked <-chan request) {
	t.Helper()
	requests := make(chan request, 10)
	return serve(t, func(_ http.ResponseWriter, r *http.Request) {
		q := request{path: r.Method + " " + r.URL.RequestURI(), authorization: r.Header.Get("Authorization"), kind: r.Header.Get("Content-Type")}
		_ = json.NewDecoder(r.Body).Decode(&q.body)
		requests <- q
	}), requests
}

func send(t *testing.T, c notify.Channel) {
	t.Helper()
	if err := c.Send(t.Context(), example()); err != nil {
		t.Fatal(err)
	}
}

func differ(t *testing.T, got any, want string) {
	t.Helper()
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w, got); d != "" {
		t.Error(d)
	}
}

func TestSlack(t *testing.T) {
	t.Parallel()
	url, asked := listen(t)
	send(t, must(notify.Slack(url+"/services/T0/B0/secret", client(t))))
	q := <-asked
	if q.path != "POST /services/T0/B0/secret" || q.authorization != "" || !strings.HasPrefix(q.kind, "application/json") {
		t.Errorf("asked %+v", q)
	}
	differ(t, q.body, `{"attachments": [{"color": "#e01e5a", "fallback": "Rolled back &lt;to&gt; 10%", "blocks": [
		{"type": "section", "text": {"type": "mrkdwn", "verbatim": true, "text": "*Rolled back &lt;to&gt; 10%*\n14 errors in 2,310 &amp; more\n&lt;!channel&gt; 0.6% &lt; 2%"}},
		{"type": "section", "fields": [{"type": "mrkdwn", "verbatim": true, "text": "*errors*\n0.6% &lt; 2%"}, {"type": "mrkdwn", "verbatim": true, "text": "*code*\na_b"}]},
		{"type": "context", "elements": [{"type": "mrkdwn", "verbatim": true, "text": "page · production · twitch_moderation · <!date^1772334245^{date_num} {time_secs}|2026-03-01 03:04:05 UTC>"}]}]}]}`)
}

// TestSlackTakesWhateverIsSaid: nothing is longer than Slack takes, nothing is empty,
// and no entity is cut.
func TestSlackTakesWhateverIsSaid(t *testing.T) {
	t.Parallel()
	url, asked := listen(t)
	c := must(notify.Slack(url, client(t)))
	long := strings.Repeat("<é&", 5000)
	m := notify.Message{Title: long, Text: long, Level: "unheard of", At: time.Unix(1, 0)}
	for range 60 {
		m.Facts = append(m.Facts, notify.Fact{Name: long, Value: ""}, notify.Fact{Name: "", Value: long})
	}
	for _, message := range []notify.Message{m, {At: time.Unix(1, 0)}} {
		if err := c.Send(t.Context(), message); err != nil {
			t.Fatal(err)
		}
		blocks := (<-asked).body.(map[string]any)["attachments"].([]any)[0].(map[string]any)["blocks"].([]any)
		if len(blocks) > 50 {
			t.Errorf("%d blocks", len(blocks))
		}
		for _, b := range blocks {
			block := b.(map[string]any)
			if fields, ok := block["fields"].([]any); ok {
				if len(fields) > 10 {
					t.Errorf("%d fields", len(fields))
				}
				for _, f := range fields {
					checkText(t, f.(map[string]any)["text"].(string), 2000)
				}
				continue
			}
			if text, ok := block["text"].(map[string]any); ok {
				checkText(t, text["text"].(string), 3000)
			}
		}
	}
}

func checkText(t *testing.T, text string, most int) {
	t.Helper()
	if n := utf8.RuneCountInString(text); n == 0 || n > most {
		t.Errorf("%d characters, at most %d", n, most)
	}
	bare := strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(text)
	if strings.ContainsAny(bare, "&<>") {
		t.Errorf("an entity is cut: …%s", text[max(0, len(text)-20):])
	}
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	url, asked := listen(t)
	c := must(notify.Webhook(url+"/hook?key=secret", "tok3n", client(t)))
	send(t, c)
	q := <-asked
	if q.path != "POST /hook?key=secret" || q.authorization != "Bearer tok3n" {
		t.Errorf("asked %+v", q)
	}
	id := q.body.(map[string]any)["id"]
	differ(t, q.body, fmt.Sprintf(`{"schema": "clipperops/notification/v1", "id": %q, "key": "rollback:error-rate", "level": "page", "title": "Rolled back <to> 10%%",
		"text": "14 errors in 2,310 & more\n<!channel> 0.6%% < 2%%", "facts": [{"name": "errors", "value": "0.6%% < 2%%"}, {"name": "code", "value": "a_b"}],
		"environment": "production", "flag": "twitch_moderation", "at": "2026-03-01T03:04:05Z", "tags": ["rollback"]}`, id))
	send(t, c)
	if again := (<-asked).body.(map[string]any)["id"]; again != id || id == "" {
		t.Errorf("the same message has ids %v and %v", id, again)
	}
	if err := c.Send(t.Context(), notify.Message{}); err != nil {
		t.Fatal(err)
	}
	empty := (<-asked).body.(map[string]any)
	if fmt.Sprint(empty["facts"], empty["tags"]) != "[] []" || empty["id"] == id {
		t.Errorf("an empty message is %v", empty)
	}
}

func TestGrafana(t *testing.T) {
	t.Parallel()
	url, asked := listen(t)
	send(t, must(notify.Grafana(url+"/grafana/", "tok3n", client(t))))
	q := <-asked
	if q.path != "POST /grafana/api/annotations" || q.authorization != "Bearer tok3n" {
		t.Errorf("asked %+v", q)
	}
	differ(t, q.body, `{"time": 1772334245000, "tags": ["clipperops", "rollback", "twitch_moderation", "production", "page"],
		"text": "Rolled back &lt;to&gt; 10%\n14 errors in 2,310 &amp; more\n&lt;!channel&gt; 0.6% &lt; 2%\nerrors: 0.6% &lt; 2%\ncode: a_b"}`)
}

// TestWriter: one line, whatever is in the message, and nothing that steers a terminal.
func TestWriter(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	m := example()
	m.Title += "\x1b[2J\r\n"
	if err := notify.Writer(&out).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	want := "2026-03-01T03:04:05Z page production twitch_moderation Rolled back <to> 10%[2J: 14 errors in 2,310 & more <!channel> 0.6% < 2%; errors: 0.6% < 2%; code: a_b\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// TestAnswers: which are tried again, and that the wish to wait is kept.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for status, attempts := range map[int]int{200: 1, 204: 1, 302: 1, 400: 1, 401: 1, 404: 1, 408: 3, 410: 1, 500: 3, 503: 3} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.WriteHeader(status)
			})
			failures := make(chan error, 10)
			q := notify.New([]notify.Channel{must(notify.Webhook(url+"/secret", "tok3n", nil))},
				notify.Options{Retries: 2, Backoff: time.Millisecond, OnError: func(_ string, err error) { failures <- err }})
			q.Post(example())
			finish(t, q)
			if n := asked.Load(); n != int64(attempts) || (len(failures) == 0) != (status < 300) {
				t.Errorf("asked %d times, want %d; %d failures", n, attempts, len(failures))
			}
		})
	}
}

// TestTheWishToWaitIsKept: after 429 nothing is sent before Retry-After is over.
func TestTheWishToWaitIsKept(t *testing.T) {
	t.Parallel()
	times := make(chan time.Time, 10)
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if times <- time.Now(); len(times) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	q := notify.New([]notify.Channel{must(notify.Webhook(url, "", nil))}, notify.Options{Backoff: time.Millisecond})
	q.Post(example())
	finish(t, q)
	first, second := <-times, <-times
	if pause := second.Sub(first); pause < time.Second {
		t.Errorf("asked again after %s", pause)
	}
}

// TestRedirectsAreNotFollowed: what gives access would go along.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		var followed atomic.Bool
		elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { followed.Store(true) })
		url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, status) })
		err := must(notify.Grafana(url, "tok3n", client(t))).Send(t.Context(), example())
		if err == nil || !strings.Contains(err.Error(), "redirects are not followed") || followed.Load() {
			t.Errorf("%d: %v; followed: %t", status, err, followed.Load())
		}
	}
}

// TestSecretsAreInNoError, whatever goes wrong, nor in a name.
func TestSecretsAreInNoError(t *testing.T) {
	t.Parallel()
	const secret, token = "T0S3CR3T", "tok3n"
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	loud := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, r.URL.Path, r.Header.Get("Authorization"))
		}
	}
	rude := serve(t, func(w http.ResponseWriter, r *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = io.WriteString(connection, r.URL.Path+r.Header.Get("Authorization")+" no HTTP\r\n\r\n")
			_ = connection.Close()
		}
	})
	patient := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(patient.Close)
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = quiet
	tls.StartTLS()
	t.Cleanup(tls.Close)
	for what, base := range map[string]string{
		"refused": serve(t, loud(403)), "failing": serve(t, loud(500)), "redirecting": serve(t, loud(302)), "closed": closed.URL, "unknown": "https://no-such-host.invalid",
		"rude": rude, "hanging": patient.URL, "untrusted": tls.URL,
	} {
		for _, make := range []func(string) (notify.Channel, error){
			func(url string) (notify.Channel, error) { return notify.Slack(url, client(t)) },
			func(url string) (notify.Channel, error) { return notify.Webhook(url, token, client(t)) },
			func(url string) (notify.Channel, error) { return notify.Grafana(url, token, client(t)) },
		} {
			c := must(make(base + "/" + secret))
			ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
			err := c.Send(ctx, example())
			stop()
			if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), token) || strings.Contains(c.String(), secret) || strings.Contains(fmt.Sprintf("%+v", err), secret) {
				t.Errorf("%s: %s: %+v", what, c, err)
			}
		}
	}
	for _, url := range []string{"", "x" + secret, "ftp://h/" + secret, "https://user:" + secret + "@h/", "https://h/%zz" + secret, "http://hooks.slack.com/" + secret, "https://[" + secret} {
		if c, err := notify.Slack(url, nil); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v, %v", url, c, err)
		}
	}
}

// TestSlackSaysWhy: its one word is in the error, anything else is not.
func TestSlackSaysWhy(t *testing.T) {
	t.Parallel()
	for answer, shown := range map[string]bool{"invalid_payload": true, "<html>proxy</html>": false, strings.Repeat("a_", 50) + "a": false} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, answer)
		})
		err := must(notify.Slack(url, client(t))).Send(t.Context(), example())
		if err == nil || strings.Contains(err.Error(), answer) != shown {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

// client is one whose connections end with the test.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: (&net.Dialer{}).DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
