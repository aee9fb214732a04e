package flagd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/filestore"
)

// Store is the flags of one file.
type Store = filestore.Store

// Backup is what is put behind the file's name for the content that it had before.
const Backup = filestore.Backup

// Open is the store in the file. It is not read yet. A known key that stands in the
// file in a way that this store does not understand is an error; any other flag like
// that is somebody else's and passed over.
func Open(path string, known ...string) *Store {
	return filestore.Open(path, form{known})
}

// form is how flags stand in flagd's file.
type form struct{ known []string }

func (form) Name() string { return "flagd" }

// MaxLength is room for several flags that name as many users as they can.
func (form) MaxLength() int64 { return 16 << 20 }

// Parse reads the flags that this store understands.
func (f form) Parse(content []byte) (featureflag.State, error) {
	flags, err := flagsOf(content)
	if err != nil {
		return nil, err
	}
	state := featureflag.State{}
	for _, m := range flags {
		delete(state, m.name) // of a flag that stands there twice the last counts, as in flagd
		if featureflag.ValidKey(m.name) != nil {
			continue
		}
		value := content[m.from:m.to]
		flag, err := read(m.name, value)
		switch {
		case err == nil:
			state[m.name] = flag.At(version(value))
		case slices.Contains(f.known, m.name):
			return nil, fmt.Errorf("line %d: the flag %s is not written as it is here: %w", lineAt(content, int64(m.at)+1), m.name, err)
		}
	}
	return state, nil
}

// version is a number that two different definitions of a flag do not share, however
// they are indented: 53 bits of FNV-1a, which every reader of JSON holds exactly, and
// never 0, which means that there is none.
func version(value []byte) int64 {
	var compact bytes.Buffer
	if json.Compact(&compact, value) != nil {
		compact.Write(value)
	}
	h := fnv.New64a()
	_, _ = h.Write(compact.Bytes())
	return max(1, int64(h.Sum64()>>11))
}
