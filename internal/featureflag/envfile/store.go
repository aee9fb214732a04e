package envfile

import (
	"bytes"
	"fmt"
	"hash/fnv"

	"github.com/joho/godotenv"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/filestore"
)

// Store is the flags of one file.
type Store = filestore.Store

// Backup is what is put behind the file's name for the content that it had before.
const Backup = filestore.Backup

// Open is the store in the file. It is not read yet. Where known keys
// are given, junk is an error in those alone.
func Open(path string, known ...string) *Store {
	return filestore.Open(path, form{known: known})
}

// form is how flags stand in a file of variables.
type form struct {
	known []string
	junk  bool // in a known flag's lines counts as on for everybody
}

func (form) Name() string { return "envfile" }

// MaxLength is far more than the few kilobytes that a file of variables has.
func (form) MaxLength() int64 { return 1 << 20 }

// Edit sets the flag's three variables.
func (form) Edit(content []byte, f featureflag.Flag) ([]byte, error) { return edit(content, f) }

// mark is what editors on Windows begin a file of UTF-8 with; it is no part of a name.
var mark = []byte("\ufeff")

// Parse reads the variables as docker compose's own parser does; of one that is
// there twice the last counts. The version of a flag is made from its three variables:
// the file has no other memory.
func (f form) Parse(content []byte) (featureflag.State, error) {
	body := bytes.TrimPrefix(content, mark)
	variables, err := godotenv.UnmarshalBytes(body)
	if err != nil {
		return nil, unparsed(body)
	}
	flags, err := featureflag.FromEnvironment(variables, f.known...)
	if err != nil && !f.junk {
		return nil, located(body, err)
	}
	for _, key := range f.known {
		if _, read := flags[key]; !read && err != nil {
			flags[key] = misread(key, variables)
		}
	}
	for key, f := range flags {
		flags[key] = f.At(version(key, variables))
	}
	return flags, nil
}

// version is a number that two different settings of a flag do not share: 53 bits of
// FNV-1a of its three variables, which every reader of JSON holds exactly, and never
// 0, which means that there is none.
func version(key string, variables map[string]string) int64 {
	enabled, percentage, users := featureflag.Variables(key)
	h := fnv.New64a()
	for _, name := range []string{enabled, percentage, users} {
		value, there := variables[name]
		_, _ = fmt.Fprintf(h, "%t %q\n", there, value)
	}
	return max(1, int64(h.Sum64()>>11))
}
