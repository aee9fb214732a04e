package envfile

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/joho/godotenv"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/filestore"
)

// OpenToTurnOff is the store for whoever turns the flag off whatever its lines say: what is not
// understood in them counts as on for everybody, for a service goes on with what it saw last.
func OpenToTurnOff(path, key string) *Store {
	return filestore.Open(path, form{known: []string{key}, junk: true})
}

// misread is a flag that is not understood. It keeps the users where those are.
func misread(key string, variables map[string]string) featureflag.Flag {
	enabled, _, users := featureflag.Variables(key)
	named, _ := featureflag.FromEnvironment(map[string]string{enabled: "true", users: variables[users]}, key)
	f, _ := featureflag.New(key, true, featureflag.Everybody, named[key].Users()) // they are valid, or none
	return f
}

// located puts the line in front of every mistake, which begins with its variable's name.
func located(content []byte, err error) error {
	var lines []string
	for text := range strings.SplitSeq(err.Error(), "\n") {
		name, _, _ := strings.Cut(text, " ")
		setting := regexp.MustCompile(`(?m)^[ \t]*(?:export[ \t]+)?` + regexp.QuoteMeta(strings.TrimSuffix(name, ":")) + `[ \t]*[=:]`)
		if all := setting.FindAllIndex(content, -1); len(all) > 0 { // the last one counts
			text = fmt.Sprintf("line %d: %s", lineAt(content, all[len(all)-1][0]), text)
		}
		lines = append(lines, text)
	}
	return errors.New(strings.Join(lines, "\n"))
}

// longest is how many lines a value in quotes may have for what stands behind it to be looked at
// when the wrong line is searched.
const longest = 100

// unparsed says which line keeps the file from being one of variables: that from which on no
// number of lines is. The parser's message has no number, and quotes the line.
func unparsed(content []byte) error {
	lines := bytes.SplitAfter(content, []byte("\n"))
	from := 0
	for to := from + 1; to <= len(lines) && to-from <= longest; to++ {
		if _, err := godotenv.UnmarshalBytes(bytes.Join(lines[from:to], nil)); err == nil {
			from = to
		}
	}
	return fmt.Errorf("it is not a file of variables: line %d is neither NAME=value nor a comment", from+1)
}

func lineAt(content []byte, at int) int { return 1 + bytes.Count(content[:at], []byte("\n")) }
