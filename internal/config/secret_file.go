package config

import (
	"errors"
	"fmt"
	"strings"
)

// SecretFile is the path of a file that holds one secret, alone; "" for none. It is read
// whenever the secret is used: secrets are rotated while a command runs for days.
type SecretFile string

// Read returns the secret that is in the file now, "" where there is no file. The error
// names the file and nothing of what is in it.
func (f SecretFile) Read() (Secret, error) {
	if f == "" {
		return "", nil
	}
	body, _, err := readText(string(f), maxPasswordFile)
	if err != nil {
		return "", errors.New(fileError(err))
	}
	secret := strings.TrimSpace(string(body))
	if secret == "" || strings.ContainsAny(secret, "\r\n") {
		return "", fmt.Errorf("%s must hold one line, the secret alone", string(f))
	}
	return Secret(secret), nil
}

// secretFile is the file of that key. What is wrong with it is for those to tell who need the
// secret: a feature is turned off without.
func (l *loader) secretFile(key string) SecretFile {
	v, stated := l.settled[key]
	if !stated || v.complaint != "" || v.text == "" {
		return ""
	}
	f := SecretFile(v.text)
	if _, err := f.Read(); err != nil {
		l.secrets.add("write the secret alone into the file of "+key+", and let this user read it", "%s: %s", key, err)
		l.warn(key + ": " + err.Error())
	}
	if readByAll(v.text) {
		l.warn("the file of " + key + " can be read by every user; chmod 600 " + v.text)
	}
	return f
}
