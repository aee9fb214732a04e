package notify

import (
	"crypto/x509"
	"errors"
	"net"
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

// local reports whether the host, with or without a port, is this machine.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// Mail writes to people.
func Mail(MailOptions) (Channel, error) { return nil, errors.New("mail is not supported yet") }
