package envfile

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/joho/godotenv"

	"github.com/clipper/clipperops/internal/featureflag"
)

// edit is the content with the flag's three variables set and everything else as
// it was, byte for byte: comments, order, line ends. Of a variable that is there
// more than once the last is set, which is the one that counts; what is missing is
// added at the end.
func edit(content []byte, f featureflag.Flag) ([]byte, error) {
	body := bytes.TrimPrefix(content, mark)
	before, err := godotenv.UnmarshalBytes(body)
	if err != nil {
		return nil, unparsed(body)
	}
	values := values(f)
	out := body
	var missing []string
	for _, v := range values {
		var found bool
		if out, found = set(out, v.name, v.value); !found {
			missing = append(missing, v.name+"="+v.value)
		}
	}
	if len(missing) > 0 {
		out = add(out, missing)
	}
	err = check(before, out, values)
	return append(bytes.Clone(content[:len(content)-len(body)]), out...), err
}

// variable is a name with what it is to be.
type variable struct{ name, value string }

// values are the three variables of a flag, all of them said: nothing is left to
// what a missing one means.
func values(f featureflag.Flag) []variable {
	enabled, percentage, users := featureflag.Variables(f.Key)
	return []variable{{enabled, fmt.Sprint(f.Enabled)}, {percentage, f.Percentage.String()}, {users, strings.Join(f.Users(), ",")}}
}

// set replaces the value in the last line that sets the name.
func set(content []byte, name, value string) (out []byte, found bool) {
	line := regexp.MustCompile(`(?m)^([ \t]*(?:export[ \t]+)?` + regexp.QuoteMeta(name) + `[ \t]*[=:][ \t]*)("[^"\r\n]*"|'[^'\r\n]*'|[^#\r\n]*?)([ \t]*(?:[ \t]#[^\r\n]*)?\r?)$`)
	all := line.FindAllSubmatchIndex(content, -1)
	if len(all) == 0 {
		return content, false
	}
	at := all[len(all)-1]
	out = append(out, content[:at[4]]...)
	out = append(out, quotedLike(content[at[4]:at[5]], value)...)
	return append(out, content[at[5]:]...), true
}

// quotedLike puts the value into the quotes that the old one had.
func quotedLike(old []byte, value string) string {
	if len(old) > 0 && (old[0] == '"' || old[0] == '\'') {
		return string(old[0]) + value + string(old[0])
	}
	return value
}

// add puts lines at the end, with the line ends that the file has.
func add(content []byte, lines []string) []byte {
	end := "\n"
	if bytes.Contains(content, []byte("\r\n")) {
		end = "\r\n"
	}
	out := bytes.Clone(content)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, end...)
	}
	for _, l := range lines {
		out = append(out, l+end...)
	}
	return out
}

// check reads what was written as those will who use it: the three variables are
// what they are to be, and all others what they were. A file that is written in a
// way that set does not understand is refused and not damaged.
func check(before map[string]string, out []byte, values []variable) error {
	after, err := godotenv.UnmarshalBytes(out)
	if err == nil {
		want := maps.Clone(before)
		for _, v := range values {
			want[v.name] = v.value
		}
		if maps.Equal(want, after) {
			return nil
		}
	}
	return fmt.Errorf("it is written in a way that cannot be edited safely; set %s, %s and %s by hand", values[0].name, values[1].name, values[2].name)
}
