package config

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/joho/godotenv"
)

// dotenvFile is an .env file as the application itself reads it, with the line
// of every key.
type dotenvFile struct {
	// label is the path as the operator would write it.
	label string
	mode  fs.FileMode
	vars  map[string]dotenvVar
}

type dotenvVar struct {
	text string
	// line is where the key stands; again is where it stands once more with
	// another value, 0 when it does not.
	line, again int
	// lossy is set when part of the value was replaced by a variable that the
	// file does not define.
	lossy bool

	unexpanded string
}

// parseDotenv reads the body of an .env file. The complaint says what is wrong
// and in which line; it repeats nothing of the file.
func parseDotenv(body []byte) (vars map[string]dotenvVar, complaint string) {
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // Windows editors
	if line := badByte(body); line > 0 {
		return nil, fmt.Sprintf("line %d is not UTF-8 text", line)
	}
	body = append(bytes.Clone(body), '\n')
	vars, complaint = locateKeys(strings.SplitAfter(string(body), "\n"))
	if complaint != "" {
		return nil, complaint
	}
	whole, err := godotenv.UnmarshalBytes(body)
	if err != nil { // every statement of it could be read by itself
		return nil, "cannot be read"
	}
	for key, v := range vars {
		v.text = whole[key]
		vars[key] = v
	}
	return vars, ""
}

// locateKeys finds the line of every key. godotenv tells neither lines nor,
// in its errors, anything that may be shown; so it is given one statement at a
// time: a line, or more of them while a quote is open.
func locateKeys(lines []string) (vars map[string]dotenvVar, complaint string) {
	vars = make(map[string]dotenvVar)
	statement, start := "", 0
	for i, line := range lines {
		if statement == "" {
			if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
				continue
			}
			start = i + 1
		}
		statement += line
		if start <= i && !strings.ContainsAny(line, `'"`) && i+1 < len(lines) {
			continue // the open quote cannot end here
		}
		found, err := godotenv.Unmarshal(statement)
		if err != nil && strings.HasPrefix(err.Error(), "unterminated quoted value") {
			continue
		}
		if err != nil || !noteKeys(vars, found, statement, start) {
			return nil, fmt.Sprintf("line %d is not KEY=value%s", start, spanning(start, i+1))
		}
		statement = ""
	}
	if statement != "" {
		return nil, fmt.Sprintf("line %d opens a quote that is never closed", start)
	}
	return vars, ""
}

// spanning says that a statement is longer than its first line, which most
// often means that a quote is missing there.
func spanning(from, to int) string {
	if from == to {
		return ""
	}
	return fmt.Sprintf(" (its quote reaches line %d)", to)
}

var (
	dotenvKeyRE = regexp.MustCompile(`^[^\s=:]+$`)
	dollarRE    = regexp.MustCompile(`(^|[^\\])\$\{?([A-Z0-9_]+)`)
)

func noteKeys(vars map[string]dotenvVar, found map[string]string, statement string, line int) (ok bool) {
	_, assigned, _ := strings.Cut(statement, "=")
	literal := strings.HasPrefix(strings.TrimSpace(assigned), "'")
	lossy := false
	for _, m := range dollarRE.FindAllStringSubmatch(assigned, -1) {
		if _, defined := vars[m[2]]; !defined && !literal {
			lossy = true
		}
	}
	for key, text := range found {
		if !dotenvKeyRE.MatchString(key) {
			return false
		}
		v := dotenvVar{line: line, lossy: lossy, unexpanded: text}
		if before, twice := vars[key]; twice && before.unexpanded != text {
			v.again, v.line = line, before.line
		}
		vars[key] = v
	}
	return true
}
