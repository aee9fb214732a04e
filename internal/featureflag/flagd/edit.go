package flagd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/featureflag"
)

// step is how much deeper what stands inside is indented.
const step = "  "

// Edit puts the flag where it stands, or behind the last one, and leaves all else as it
// was, byte for byte. What the flag has beside what decides, such as metadata, it keeps.
func (f form) Edit(content []byte, flag featureflag.Flag) ([]byte, error) {
	top, err := topOf(content)
	if err != nil {
		return nil, err
	}
	flags, hasFlags := last(top, "flags")
	if !hasFlags {
		value, err := written(flag, nil, step+step)
		if err != nil {
			return nil, err
		}
		inner := fmt.Sprintf("{\n%s%q: %s\n%s}", step+step, flag.Key, value, step)
		return f.checked(content, insert(content, top, 0, len(content), "flags", inner, ""), flag)
	}
	members, err := membersOf(content, flags.from, flags.to)
	if err != nil {
		return nil, err
	}
	old, there := last(members, flag.Key)
	if !there {
		indent := indentation(content, flags.at) + step
		if len(members) > 0 {
			indent = indentation(content, members[len(members)-1].at)
		}
		value, err := written(flag, nil, indent)
		if err != nil {
			return nil, err
		}
		return f.checked(content, insert(content, members, flags.from, flags.to, flag.Key, string(value), indentation(content, flags.at)), flag)
	}
	if _, err := read(flag.Key, content[old.from:old.to]); err != nil {
		return nil, fmt.Errorf("the flag %s stands there in a way that is not written over: %w", flag.Key, err)
	}
	value, err := written(flag, content[old.from:old.to], indentation(content, old.at))
	if err != nil {
		return nil, err
	}
	return f.checked(content, slices.Concat(content[:old.from], value, content[old.to:]), flag)
}

// decides are the fields that say for whom a flag is on.
var decides = []string{"state", "variants", "defaultVariant", "targeting"}

// written is the flag's value, with the other fields that the old one has.
func written(f featureflag.Flag, old []byte, indent string) ([]byte, error) {
	d, err := define(f)
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	if old != nil {
		fields, err := membersOf(old, 0, len(old))
		if err != nil {
			return nil, err
		}
		for _, field := range fields {
			// flagd, as Go does, takes "State" for "state".
			if !slices.ContainsFunc(decides, func(name string) bool { return strings.EqualFold(name, field.name) }) {
				value = slices.Concat(value[:len(value)-1], []byte(","), old[field.at:field.to], []byte("}"))
			}
		}
	}
	var out bytes.Buffer
	err = json.Indent(&out, value, indent, step)
	return out.Bytes(), err
}

// insert puts a member behind the last one of the object that stands from … to. outer
// is how the object's own line is indented.
func insert(content []byte, members []member, from, to int, name, value, outer string) []byte {
	if len(members) == 0 {
		from += bytes.IndexByte(content[from:to], '{')
		to = from + bytes.LastIndexByte(content[from:to], '}') + 1
		text := fmt.Sprintf("{\n%s%q: %s\n%s}", outer+step, name, value, outer)
		return slices.Concat(content[:from], []byte(text), content[to:])
	}
	last := members[len(members)-1]
	text := fmt.Sprintf(",\n%s%q: %s", indentation(content, last.at), name, value)
	return slices.Concat(content[:last.to], []byte(text), content[last.to:])
}

// indentation is the white space that the line at that place begins with.
func indentation(content []byte, at int) string {
	line := content[bytes.LastIndexByte(content[:at], '\n')+1 : at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// checked reads what was written as those will who use it: the flag is what it is to
// be, and all else what it was. Otherwise nothing is to be written.
func (f form) checked(before, after []byte, flag featureflag.Flag) ([]byte, error) {
	state, err := form{[]string{flag.Key}}.Parse(after)
	if err == nil && state[flag.Key].Same(flag) {
		one, okOne := without(before, flag.Key)
		two, okTwo := without(after, flag.Key)
		if okOne && okTwo && reflect.DeepEqual(one, two) {
			return after, nil
		}
	}
	return nil, errors.New("it is written in a way that cannot be edited safely; set the flag by hand")
}

// without is all that a file says, save the one flag.
func without(content []byte, key string) (object, bool) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var all object
	if decoder.Decode(&all) != nil {
		return nil, false
	}
	flags, ok := all["flags"].(object)
	if !ok {
		flags = object{}
		all["flags"] = flags
	}
	delete(flags, key)
	return all, true
}
