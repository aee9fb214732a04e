package config

import (
	"errors"
	"strings"
)

// PasswordFile is the path of a file that holds the database's password, alone. White space
// belongs to it, a line break at its end does not.
type PasswordFile string

// Read returns the password that is in the file now. The error names nothing of it, and reads
// after the name of whatever names the file.
func (f PasswordFile) Read() (Secret, error) {
	body, _, err := readText(string(f), maxPasswordFile)
	if err != nil {
		return "", err
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(body), "\n"), "\r")
	switch complaint := keywordsByName[kwPassword].complaint(password, false); {
	case password == "":
		return "", errors.New("names an empty file")
	case strings.Contains(password, "\n"):
		return "", errors.New("names a file of more than one line")
	case complaint != "":
		return "", errors.New(complaint)
	}
	return Secret(password), nil
}

// CurrentTarget is Target with the password that its file holds now: it may have been
// rotated. One that cannot be read leaves the one that was.
func (c *Config) CurrentTarget() Target {
	t := c.Target
	if c.PasswordFile != "" {
		if password, err := c.PasswordFile.Read(); err == nil {
			t.Password = password
		}
	}
	return t
}

// readPasswordFile puts the password in the place of the path of its file. One that cannot be
// read matters to those alone who need the database.
func (l *loader) readPasswordFile() {
	v, ok := l.settled[kwPassword]
	if !ok || !v.file || v.complaint != "" {
		return
	}
	f := PasswordFile(v.text)
	password, err := f.Read()
	switch {
	case err == nil:
		l.config.PasswordFile = f
	case !isFileError(err):
		l.password.add("write the password alone into the file", "%s %s", v.name, err)
	default:
		l.password.add("make the file of "+v.name+" readable", "%s: %s", v.name, fileError(err))
	}
	v.text, v.file = password.Reveal(), false
	l.settled[kwPassword] = v
}
