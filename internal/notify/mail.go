package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"sync"

	"github.com/wneessen/go-mail"
)

// MailOptions are an SMTP server and whom it writes to.
type MailOptions struct {
	Host           string
	Port           int // default 587, with tls 465, with none 25
	User, Password string
	From           string
	To             []string
	TLS            string         // starttls (default), tls, or none, for this machine alone
	RootCAs        *x509.CertPool // who vouches for the server; default: whom the system trusts
}

// ports are where each kind of TLS is usually spoken.
var ports = map[string]int{"starttls": 587, "tls": 465, "none": 25}

// logins are the ways to log in that are used, the best first. Those that show the
// password go-mail refuses without TLS, save to this machine.
var logins = []mail.SMTPAuthType{mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthCramMD5, mail.SMTPAuthPlain, mail.SMTPAuthLogin}

// Mail writes to each of To, in a mail of their own: one address that is refused keeps
// no other from being told.
func Mail(o MailOptions) (Channel, error) {
	if o.TLS == "" {
		o.TLS = "starttls"
	}
	if o.Port == 0 {
		o.Port = ports[o.TLS]
	}
	switch {
	case o.Host == "" || strings.ContainsAny(o.Host, " /@"):
		return nil, errors.New("mail needs the name of an SMTP server")
	case ports[o.TLS] == 0:
		return nil, fmt.Errorf("mail's tls is %q; allowed are starttls, tls and none", o.TLS)
	case o.TLS == "none" && !local(o.Host):
		return nil, errors.New("mail without TLS goes to localhost alone; use starttls or tls")
	case o.Port < 1 || o.Port > 65535:
		return nil, fmt.Errorf("mail's port %d is no port", o.Port)
	case len(o.To) == 0:
		return nil, errors.New("mail needs an address to write to")
	}
	for _, address := range append([]string{o.From}, o.To...) {
		if _, err := netmail.ParseAddress(address); err != nil {
			return nil, fmt.Errorf("mail: %q is no address", address)
		}
	}
	return &mailer{MailOptions: o}, nil
}

type mailer struct {
	MailOptions

	mu   sync.Mutex
	id   string          // the message that is being sent
	told map[string]bool // who has it already, so that another attempt writes to the others alone
}

func (m *mailer) address() string { return net.JoinHostPort(m.Host, strconv.Itoa(m.Port)) }

func (m *mailer) String() string { return "mail " + m.address() }

func (m *mailer) Send(ctx context.Context, message Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id := message.id(); m.id != id {
		m.id, m.told = id, map[string]bool{}
	}
	client, hangUp, err := m.client(ctx)
	if err != nil {
		return &failure{reason: "mail: the options are refused", final: true}
	}
	defer hangUp()
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return m.failed(ctx, err)
	}
	var failures []error
	for _, to := range m.To {
		if m.told[to] {
			continue
		}
		letter, err := m.letter(message, to)
		if err == nil {
			err = client.SendWithSMTPClient(session, letter)
		}
		if err == nil || (letter != nil && letter.IsDelivered()) {
			m.told[to] = true
			continue
		}
		failures = append(failures, m.failed(ctx, err))
	}
	_ = client.CloseWithSMTPClient(session) // whatever was accepted, was
	return together(failures)
}

// client dials with a connection that ends with ctx: a server that goes silent in the
// middle would be waited for otherwise.
func (m *mailer) client(ctx context.Context) (client *mail.Client, end func(), err error) {
	config := &tls.Config{ServerName: m.Host, RootCAs: m.RootCAs, MinVersion: tls.VersionTLS12}
	hangUp := func() {}
	dial := func(dialling context.Context, network, address string) (c net.Conn, err error) {
		if m.TLS == "tls" {
			c, err = (&tls.Dialer{Config: config}).DialContext(dialling, network, address)
		} else {
			c, err = (&net.Dialer{}).DialContext(dialling, network, address)
		}
		if err != nil {
			return nil, err
		}
		forget := context.AfterFunc(ctx, func() { _ = c.Close() })
		hangUp = func() { forget(); _ = c.Close() }
		return c, nil
	}
	options := []mail.Option{mail.WithPort(m.Port), mail.WithTLSConfig(config), mail.WithDialContextFunc(dial)}
	switch m.TLS {
	case "tls":
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if m.User != "" {
		options = append(options, mail.WithOpportunisticSMTPAuth(logins...), mail.WithUsername(m.User), mail.WithPassword(m.Password))
	}
	client, err = mail.NewClient(m.Host, options...)
	return client, func() { hangUp() }, err
}

// letter is the message for one reader.
func (m *mailer) letter(message Message, to string) (*mail.Msg, error) {
	letter := mail.NewMsg()
	if err := errors.Join(letter.From(m.From), letter.To(to)); err != nil {
		return nil, &failure{reason: "an address is refused", final: true}
	}
	subject := "[" + string(message.Level) + "] "
	if message.Environment != "" {
		subject += flat(message.Environment) + ": "
	}
	letter.Subject(subject + flat(message.Title))
	letter.SetDateWithValue(message.At)
	_, domain, _ := strings.Cut(strings.Trim(m.From, "<> "), "@")
	letter.SetMessageIDWithValue(message.id() + "@" + strings.TrimRight(domain, "> "))
	letter.SetGenHeader("Auto-Submitted", "auto-generated") // nobody's holiday answers it
	if message.Level == Page {
		letter.SetImportance(mail.ImportanceHigh)
	}
	letter.SetBodyString(mail.TypeTextPlain, body(message))
	return letter, nil
}

// body is the message as a mail reads.
func body(m Message) string {
	var b strings.Builder
	b.WriteString(flat(m.Title) + "\n")
	if m.Text != "" {
		b.WriteString("\n" + strings.TrimSpace(m.Text) + "\n")
	}
	facts := append([]Fact{}, m.Facts...)
	for _, f := range []Fact{{"Environment", m.Environment}, {"Flag", m.Flag}, {"At", m.At.UTC().Format("2006-01-02 15:04:05 UTC")}} {
		if f.Value != "" {
			facts = append(facts, f)
		}
	}
	b.WriteString("\n")
	for _, f := range facts {
		b.WriteString(flat(f.Name) + ": " + flat(f.Value) + "\n")
	}
	return b.String()
}

// local reports whether the host, with or without a port, is this machine.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
