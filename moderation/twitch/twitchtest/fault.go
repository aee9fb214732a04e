package twitchtest

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Kinds of faults.
const (
	Status       = "status"        // answers with Status, Message; nothing is applied
	StatusAfter  = "status_after"  // applies, then answers with Status
	RateLimit    = "rate_limit"    // 429, with Ratelimit headers unless Bare
	Slow         = "slow"          // answers after Delay; nothing is applied for a client that has left by then
	Late         = "late"          // applies and answers after Delay, also when the client has left
	HangUp       = "hang_up"       // closes the connection; nothing is applied
	HangUpAfter  = "hang_up_after" // applies, then closes the connection without a word
	HangUpInBody = "hang_up_in_body"
	Raw          = "raw"        // answers with Status and Message as the whole body, as ContentType
	OddModerator = "odd_answer" // spells moderator_Id
)

var kinds = []string{Status, StatusAfter, RateLimit, Slow, Late, HangUp, HangUpAfter, HangUpInBody, Raw, OddModerator}

// Fault is a way to fail.
type Fault struct {
	Kind        string        `json:"kind"`
	Rate        float64       `json:"rate"`        // share of the requests, 0 to 1; 0 = all
	Times       int           `json:"times"`       // how often; 0 = for good
	Route       string        `json:"route"`       // "POST /helix/moderation/bans"; "" = all
	Broadcaster string        `json:"broadcaster"` // this one's alone; "" = all
	Status      int           `json:"status"`      // 503
	Message     string        `json:"message"`
	ContentType string        `json:"content_type"`
	Delay       time.Duration `json:"delay"` // nanoseconds
	ResetIn     time.Duration `json:"reset"` // nanoseconds until Ratelimit-Reset; 0 = 1 s
	Bare        bool          `json:"bare"`  // 429 without headers
}

// Fail makes requests fail so, beside the ways it was told before; the first that
// fits a request is taken.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Status == 0 {
		f.Status = http.StatusServiceUnavailable
	}
	if f.ResetIn == 0 {
		f.ResetIn = time.Second
	}
	s.faults = append(s.faults, &f)
}

// Heal ends all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// faultFor counts the request and draws whether it fails.
func (s *Server) faultFor(r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	route := r.Method + " " + r.URL.Path
	s.seen[route]++
	for i, f := range s.faults {
		if (f.Route != "" && f.Route != route) || (f.Broadcaster != "" && f.Broadcaster != r.URL.Query().Get("broadcaster_id")) {
			continue
		}
		if f.Rate > 0 && s.draw.Float64() >= f.Rate {
			continue
		}
		drawn := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return &drawn
	}
	return nil
}

// faulty runs a handler, or the fault drawn for the request.
func (s *Server) faulty(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f := s.faultFor(r)
		if f == nil {
			next(w, r)
			return
		}
		switch f.Kind {
		case Status:
			fail(w, f.Status, f.Message)
		case RateLimit:
			s.tooMany(w, f)
		case Raw:
			w.Header().Set("Content-Type", f.ContentType)
			w.WriteHeader(f.Status)
			_, _ = w.Write([]byte(f.Message))
		case Slow:
			// net/http notices a client that leaves only once the body is read.
			body, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
			r.Body = io.NopCloser(bytes.NewReader(body))
			select {
			case <-r.Context().Done():
			case <-time.After(f.Delay):
				next(w, r)
			}
		case Late:
			body, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
			r.Body = io.NopCloser(bytes.NewReader(body))
			time.Sleep(f.Delay)
			next(w, r)
		case HangUp:
			panic(http.ErrAbortHandler)
		default:
			s.after(w, r, f, next)
		}
	}
}

// after runs the handler and then spoils its answer.
func (s *Server) after(w http.ResponseWriter, r *http.Request, f *Fault, next http.HandlerFunc) {
	kept := &keeper{header: http.Header{}, status: http.StatusOK}
	next(kept, r)
	body := kept.body.Bytes()
	switch f.Kind {
	case StatusAfter:
		fail(w, f.Status, f.Message)
		return
	case HangUpAfter:
		panic(http.ErrAbortHandler)
	case OddModerator:
		body = bytes.ReplaceAll(body, []byte(`"moderator_id"`), []byte(`"moderator_Id"`))
	}
	for name, values := range kept.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(kept.status)
	if f.Kind == HangUpInBody {
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body)
}

func (s *Server) tooMany(w http.ResponseWriter, f *Fault) {
	if !f.Bare {
		w.Header().Set("Ratelimit-Limit", "800")
		w.Header().Set("Ratelimit-Remaining", "799") // the ban limit is another one
		reset := s.options.Now().Add(f.ResetIn + time.Second - 1).Unix()
		w.Header().Set("Ratelimit-Reset", strconv.FormatInt(reset, 10))
	}
	fail(w, http.StatusTooManyRequests, "too many requests")
}

// keeper holds an answer back.
type keeper struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *keeper) Header() http.Header         { return k.header }
func (k *keeper) WriteHeader(status int)      { k.status = status }
func (k *keeper) Write(b []byte) (int, error) { return k.body.Write(b) }
