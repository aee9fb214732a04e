package notify

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/textproto"
	"strings"

	"github.com/wneessen/go-mail"
)

// failed says why a mail was not taken: the server's code, and its words when nothing
// of the login is in them.
func (m *mailer) failed(ctx context.Context, err error) error {
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	if ctx.Err() != nil {
		return &failure{reason: m.address() + " " + why(ctx.Err())}
	}
	code := 0
	var reply *textproto.Error
	var send *mail.SendError
	switch {
	case errors.As(err, &reply):
		code = reply.Code
	case errors.As(err, &send):
		code = send.ErrorCode()
	}
	text := flat(err.Error())
	if len(text) > 300 || m.shows(text) {
		text = "the words are left out"
	}
	if code == 0 {
		return &failure{reason: fmt.Sprintf("%s: %s", m.address(), text)}
	}
	return &failure{reason: fmt.Sprintf("%s answered %d: %s", m.address(), code, text), final: code >= 500}
}

// shows reports whether the password, plain or as it is sent, is in the text.
func (m *mailer) shows(text string) bool {
	if m.Password == "" {
		return false
	}
	for _, secret := range []string{m.Password, flat(m.Password), "\x00" + m.User + "\x00" + m.Password} {
		if strings.Contains(text, secret) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(secret))) {
			return true
		}
	}
	return false
}

// together is one failure of several, which is final when all are.
func together(failures []error) error {
	if len(failures) == 0 {
		return nil
	}
	all := &failure{reason: errors.Join(failures...).Error(), final: true}
	all.reason = strings.ReplaceAll(all.reason, "\n", "; ")
	for _, err := range failures {
		var f *failure
		all.final = all.final && errors.As(err, &f) && f.final
	}
	return all
}
