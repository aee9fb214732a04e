package page

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Done is the notice of what was done about a user; seconds are those of a timeout.
func Done(name string, unbanned bool, seconds int64) string {
	if name == "" {
		name = "The user"
	}
	switch {
	case unbanned:
		return name + " is unbanned."
	case seconds == 0:
		return name + " is banned for good."
	}
	for _, d := range Durations {
		if d.Seconds == seconds {
			return name + " is timed out for " + d.Name + "."
		}
	}
	return name + " is timed out for " + plural(seconds, "second") + "."
}

func plural(n int64, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// sentence is a message as a sentence of its own.
func sentence(message string) string {
	first, size := utf8.DecodeRuneInString(message)
	if size == 0 {
		return ""
	}
	message = string(unicode.ToUpper(first)) + message[size:]
	if last := message[len(message)-1]; last != '.' && last != '!' && last != '?' {
		message += "."
	}
	return message
}

// ReadOnly says why the list is without controls.
func ReadOnly(message, detail string) string {
	text := "You see the list alone. " + sentence(message)
	if detail != "" {
		text += " " + sentence(detail)
	}
	return text
}
