package pg

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
)

// ConnectKind says why a connection could not be made.
type ConnectKind string

// The reasons a connection fails for.
const (
	ConnectPassword       ConnectKind = "wrong password"
	ConnectHost           ConnectKind = "unknown host"
	ConnectRefused        ConnectKind = "connection refused"
	ConnectUnreachable    ConnectKind = "host unreachable"
	ConnectTimeout        ConnectKind = "timeout"
	ConnectDatabase       ConnectKind = "database missing"
	ConnectRole           ConnectKind = "role missing"
	ConnectNotAllowed     ConnectKind = "not allowed"
	ConnectTLSRefused     ConnectKind = "TLS refused"
	ConnectTLSRequired    ConnectKind = "TLS required"
	ConnectCertificate    ConnectKind = "certificate not trusted"
	ConnectTooMany        ConnectKind = "too many connections"
	ConnectStarting       ConnectKind = "server starting up"
	ConnectShuttingDown   ConnectKind = "server shutting down"
	ConnectPooler         ConnectKind = "connection pooler"
	ConnectMisconfigured  ConnectKind = "connection settings"
	ConnectUnknownProblem ConnectKind = "cannot connect"
)

// ConnectError is a connection that could not be made. Neither its text nor
// what it wraps holds the password.
type ConnectError struct {
	Kind   ConnectKind
	Target config.Target
	// What says what went wrong in one line, e.g. "the server refused the
	// password of clipper".
	What string
	// Message is the server's or the system's own words.
	Message string
	Err     error
}

// Error names the database and what went wrong.
func (e *ConnectError) Error() string {
	return fmt.Sprintf("cannot connect to %s: %s", e.Target, e.What)
}

// Unwrap returns the cause: a *pgconn.PgError, a net or TLS error.
func (e *ConnectError) Unwrap() error { return e.Err }

// Failure is the error as an operator reads it.
func (e *ConnectError) Failure() *ops.Failure {
	f := &ops.Failure{What: e.Error(), State: []string{"nothing was touched"}, Next: []string{e.Fix()}, Err: e}
	if e.Message != "" && e.Message != e.What {
		f.Detail = []string{e.Message}
	}
	return f
}

func newConnectError(t config.Target, err error) error {
	err = withoutConfig(err)
	e := &ConnectError{Target: t, Err: err, Message: lastWords(err)}
	e.classify()
	return e.Failure()
}

// withoutConfig drops the layer that carries the connection's settings, which
// hold the password, and keeps the cause.
func withoutConfig(err error) error {
	var c *pgconn.ConnectError
	if errors.As(err, &c) {
		return errors.Unwrap(c)
	}
	return err
}

// lastWords is the innermost message: the server's where it answered.
func lastWords(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return fmt.Sprintf("%s: %s (%s)", answer.Severity, answer.Message, answer.Code)
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

func (e *ConnectError) classify() {
	var answer *pgconn.PgError
	if errors.As(e.Err, &answer) {
		e.Kind = kindOfAnswer(answer)
	} else {
		e.Kind = kindOfSystemError(e.Err)
	}
	e.What = e.describe()
}

// kindOfAnswer reads the SQLSTATE and, where one stands for several reasons, the
// server's routine: messages are translated, routines are not.
func kindOfAnswer(answer *pgconn.PgError) ConnectKind {
	switch answer.Code {
	case "28P01":
		return ConnectPassword
	case "28000":
		return kindOfRejection(answer)
	case "3D000":
		return ConnectDatabase
	case "42501":
		return ConnectNotAllowed
	case "53300":
		return ConnectTooMany
	case "57P03":
		if strings.Contains(answer.Message, "shutting down") {
			return ConnectShuttingDown
		}
		return ConnectStarting
	case "57P01", "57P02":
		return ConnectShuttingDown
	case "08P01":
		if strings.Contains(answer.Message, "unsupported startup parameter") {
			return ConnectPooler
		}
	}
	return ConnectUnknownProblem
}

func kindOfRejection(answer *pgconn.PgError) ConnectKind {
	switch {
	case answer.Routine == "InitializeSessionUserId":
		return ConnectRole
	case strings.Contains(answer.Message, "no encryption"), strings.Contains(answer.Message, "SSL off"):
		return ConnectTLSRequired
	case strings.Contains(answer.Message, "pg_hba.conf"):
		return ConnectNotAllowed
	default:
		return ConnectPassword // peer, ident, certificate: the proof was not accepted
	}
}

func kindOfSystemError(err error) ConnectKind {
	var dns *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &dns) && !dns.IsTimeout:
		return ConnectHost
	case untrusted(err):
		return ConnectCertificate
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return ConnectTLSRefused
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return ConnectRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return ConnectUnreachable
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return ConnectTimeout
	case strings.Contains(err.Error(), "cannot be parsed"):
		return ConnectMisconfigured
	default:
		return ConnectUnknownProblem
	}
}

func untrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid)
}
