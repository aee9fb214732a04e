package notify_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/clipper/clipperops/internal/notify"
)

// quiet is for servers whose complaints are expected.
var quiet = log.New(io.Discard, "", 0)

// post is a mail server: it takes letters from who logs in as ops.
type post struct {
	mu      sync.Mutex
	letters []letter
	refused map[string]*smtp.SMTPError // by recipient
	open    bool                       // nobody has to log in
}

type letter struct {
	to, text  string
	encrypted bool
}

const password = "p4ssw0rd/ä"

func (p *post) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, encrypted := c.TLSConnectionState()
	return &session{post: p, in: p.open, letter: letter{encrypted: encrypted}}, nil
}

type session struct {
	post   *post
	in     bool
	letter letter
}

func (*session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, given string) error {
		if s.in = user == "ops" && given == password; s.in {
			return nil
		}
		return &smtp.SMTPError{Code: 535, Message: "wrong: " + given + " " + base64.StdEncoding.EncodeToString([]byte(given))} // a rude server
	}), nil
}

func (s *session) Mail(string, *smtp.MailOptions) error {
	if !s.in {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	if err := s.post.refused[to]; err != nil {
		return err
	}
	s.letter.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.letter.text = string(text)
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	s.post.letters = append(s.post.letters, s.letter)
	return err
}

func (*session) Reset()        {}
func (*session) Logout() error { return nil }

// take are the letters since the last time.
func (p *post) take() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	letters := p.letters
	p.letters = nil
	return letters
}

// open serves the post office and returns how to write there.
func (p *post) serve(t *testing.T, kind string) notify.MailOptions {
	t.Helper()
	web := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	t.Cleanup(web.Close)
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	config := &tls.Config{Certificates: web.TLS.Certificates}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	server := smtp.NewServer(p)
	server.ErrorLog = quiet
	switch kind {
	case "tls":
		listener = tls.NewListener(listener, config)
	case "starttls":
		server.TLSConfig = config
	default:
		server.AllowInsecureAuth = true
	}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { _ = server.Close(); running.Wait() })
	return notify.MailOptions{
		Host: "127.0.0.1", Port: port, User: "ops", Password: password, From: "ops@example.com",
		To: []string{"a@example.com", "b@example.com"}, TLS: kind, RootCAs: roots,
	}
}

// TestMail: each reader gets a mail, over each kind of TLS, that says everything.
func TestMail(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"starttls", "tls", "none"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var p post
			send(t, must(notify.Mail(p.serve(t, kind))))
			letters := p.take()
			if len(letters) != 2 || letters[0].to != "a@example.com" || letters[1].to != "b@example.com" || letters[0].encrypted != (kind != "none") {
				t.Fatalf("%+v", letters)
			}
			m, err := netmail.ReadMessage(strings.NewReader(letters[0].text))
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{
				"Subject": "[page] production: Rolled back <to> 10%", "From": "<ops@example.com>", "To": "<a@example.com>",
				"Auto-Submitted": "auto-generated", "Importance": "high", "Date": "Sun, 01 Mar 2026 03:04:05 +0000",
			} {
				if got := m.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			text, err := io.ReadAll(m.Body)
			if err != nil || !strings.Contains(string(text), "<!channel> 0.6% < 2%\r\n\r\nerrors: 0.6% < 2%\r\ncode: a_b\r\nEnvironment: production") {
				t.Errorf("the body is %q, %v", text, err)
			}
		})
	}
}

// TestATitleIsNoHeader: a line end in it begins none.
func TestATitleIsNoHeader(t *testing.T) {
	t.Parallel()
	var p post
	c := must(notify.Mail(p.serve(t, "starttls")))
	m := example()
	m.Title, m.Environment = "x\r\nBcc: evil@example.com\r\n\r\nbody", "e\nX-Evil: 1"
	if err := c.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	read, err := netmail.ReadMessage(strings.NewReader(p.take()[0].text))
	if err != nil || read.Header.Get("Bcc") != "" || read.Header.Get("X-Evil") != "" {
		t.Errorf("%+v, %v", read, err)
	}
}

// TestOneAddressKeepsNoOtherFromBeingTold, and who was told is not told again when the
// other is tried again.
func TestOneAddressKeepsNoOtherFromBeingTold(t *testing.T) {
	t.Parallel()
	p := post{refused: map[string]*smtp.SMTPError{"a@example.com": {Code: 450, Message: "come again"}}}
	c := must(notify.Mail(p.serve(t, "starttls")))
	err := c.Send(t.Context(), example())
	if letters := p.take(); err == nil || !strings.Contains(err.Error(), "450") || len(letters) != 1 || letters[0].to != "b@example.com" {
		t.Fatalf("%+v, %v", letters, err)
	}
	p.mu.Lock()
	p.refused = nil
	p.mu.Unlock()
	send(t, c)
	if letters := p.take(); len(letters) != 1 || letters[0].to != "a@example.com" {
		t.Fatalf("%+v", letters)
	}
	other := example()
	other.Title = "another"
	if err := c.Send(t.Context(), other); err != nil || len(p.take()) != 2 {
		t.Error("another message is not sent to both")
	}
}

// TestMailThatIsRefused: for ever it is tried once, for now it is tried again; the
// password is in no error even when the server says it.
func TestMailThatIsRefused(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		change   func(*notify.MailOptions, *post)
		attempts int
		says     string
	}{
		"a wrong password": {func(o *notify.MailOptions, _ *post) { o.Password = "wr0ng/secret" }, 1, "535"},
		"an address": {func(o *notify.MailOptions, p *post) {
			o.To = o.To[:1]
			p.refused = map[string]*smtp.SMTPError{"a@example.com": {Code: 550, Message: "nobody"}}
		}, 1, "nobody"},
		"an address for now": {func(o *notify.MailOptions, p *post) {
			p.refused = map[string]*smtp.SMTPError{"a@example.com": {Code: 451, Message: "later"}}
		}, 3, "later"},
		"an unknown certificate": {func(o *notify.MailOptions, _ *post) { o.RootCAs = x509.NewCertPool() }, 3, "certificate"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var p post
			o := p.serve(t, "starttls")
			c.change(&o, &p)
			attempts := 0
			mail := must(notify.Mail(o))
			counted := scripted{func(ctx context.Context, m notify.Message) error { attempts++; return mail.Send(ctx, m) }}
			var failure error
			q := notify.New([]notify.Channel{counted}, notify.Options{Retries: 2, Backoff: time.Millisecond, OnError: func(_ string, err error) { failure = err }})
			q.Post(example())
			finish(t, q)
			if failure == nil || attempts != c.attempts || !strings.Contains(failure.Error(), c.says) {
				t.Errorf("%d attempts: %v", attempts, failure)
			}
			if failure != nil && (strings.Contains(failure.Error(), o.Password) || strings.Contains(failure.Error(), base64.StdEncoding.EncodeToString([]byte(o.Password)))) {
				t.Errorf("the password is shown: %v", failure)
			}
		})
	}
}

// TestAServerWithoutTLSIsNotWrittenTo: neither the login nor the message is sent in
// the clear because a server, or who stands between, offers no TLS.
func TestAServerWithoutTLSIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	p := post{open: true}
	o := p.serve(t, "none")
	o.TLS = "starttls"
	err := must(notify.Mail(o)).Send(t.Context(), example())
	if err == nil || !strings.Contains(err.Error(), "STARTTLS") || len(p.take()) != 0 {
		t.Errorf("%v", err)
	}
}

// TestASilentMailServer is given up with the attempt's time, at the greeting and in
// the middle.
func TestASilentMailServer(t *testing.T) {
	t.Parallel()
	for what, greeting := range map[string]string{"at once": "", "after the greeting": "220 hello\r\n", "in the middle": "220 hello\r\n250 hello\r\n"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			hungUp := make(chan struct{})
			go func() {
				defer close(hungUp)
				c, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, greeting)
				_, _ = io.Copy(io.Discard, c) // until the other side hangs up
				_ = c.Close()
			}()
			defer func() { _ = listener.Close(); <-hungUp }()
			c := must(notify.Mail(notify.MailOptions{
				Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, From: "a@example.com", To: []string{"b@example.com"}, TLS: "none",
			}))
			ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer stop()
			begun := time.Now()
			if err := c.Send(ctx, example()); err == nil || !strings.Contains(err.Error(), "did not answer in time") || time.Since(begun) > 5*time.Second {
				t.Errorf("%v after %s", err, time.Since(begun))
			}
		})
	}
}

// TestMailOptions: what cannot work is refused when the channel is made.
func TestMailOptions(t *testing.T) {
	t.Parallel()
	good := notify.MailOptions{Host: "mail.example.com", From: "a@example.com", To: []string{"b@example.com"}}
	if c, err := notify.Mail(good); err != nil || c.String() != "mail mail.example.com:587" {
		t.Errorf("%v, %v", c, err)
	}
	var all error
	for what, change := range map[string]func(*notify.MailOptions){
		"no host": func(o *notify.MailOptions) { o.Host = "" }, "no reader": func(o *notify.MailOptions) { o.To = nil },
		"no sender": func(o *notify.MailOptions) { o.From = "" }, "no address": func(o *notify.MailOptions) { o.To = []string{"b"} },
		"a port": func(o *notify.MailOptions) { o.Port = 70000 }, "unknown tls": func(o *notify.MailOptions) { o.TLS = "ssl" },
		"no tls elsewhere": func(o *notify.MailOptions) { o.TLS = "none" },
	} {
		o := good
		o.Password = "s3cret"
		change(&o)
		c, err := notify.Mail(o)
		if err == nil {
			t.Errorf("%s is taken: %v", what, c)
		}
		all = errors.Join(all, err)
	}
	if strings.Contains(all.Error(), "s3cret") {
		t.Errorf("the password is shown: %v", all)
	}
}
