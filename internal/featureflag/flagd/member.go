package flagd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// member is a name in a JSON object, with where it stands and where its value does.
type member struct {
	name         string
	at, from, to int
}

// membersOf are those of the object that stands at from.
func membersOf(content []byte, from, to int) ([]member, error) {
	decoder := json.NewDecoder(bytes.NewReader(content[from:to]))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("it is no JSON object")
	}
	var members []member
	for decoder.More() {
		// Between the last value and this name there are spaces and a comma alone.
		at := from + int(decoder.InputOffset())
		at += bytes.IndexByte(content[at:to], '"')
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		end := from + int(decoder.InputOffset())
		members = append(members, member{fmt.Sprint(token), at, end - len(value), end})
	}
	return members, nil
}

// topOf are the members of the whole file.
func topOf(content []byte) ([]member, error) {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(content, new(json.RawMessage)); errors.As(err, &syntax) {
		return nil, fmt.Errorf(`it is not JSON: line %d is wrong; flagd's file without a flag is {"flags": {}}`, lineAt(content, syntax.Offset))
	}
	top, err := membersOf(content, 0, len(content))
	if err != nil {
		return nil, err
	}
	found := 0
	for _, m := range top {
		if strings.EqualFold(m.name, "flags") {
			found++
		}
		if strings.EqualFold(m.name, "flags") && (m.name != "flags" || found > 1 || content[m.from] != '{') {
			return nil, errors.New(`"flags" has to stand in it once, as an object of flags by their keys`)
		}
	}
	return top, nil
}

// lineAt is the line in which the byte before the offset stands.
func lineAt(content []byte, offset int64) int {
	return 1 + bytes.Count(content[:max(0, min(offset, int64(len(content)))-1)], []byte("\n"))
}

// flagsOf are the flags of the whole file.
func flagsOf(content []byte) ([]member, error) {
	top, err := topOf(content)
	if err != nil {
		return nil, err
	}
	if flags, ok := last(top, "flags"); ok {
		return membersOf(content, flags.from, flags.to)
	}
	return nil, nil
}

// last is the last member of that name.
func last(members []member, name string) (member, bool) {
	for i := len(members) - 1; i >= 0; i-- {
		if members[i].name == name {
			return members[i], true
		}
	}
	return member{}, false
}
