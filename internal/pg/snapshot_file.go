package pg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// What a snapshot file may hold: far more than any schema, and little enough
// that a file which is something else cannot exhaust the memory.
const (
	maxSnapshotBytes   = 64 << 20
	maxSnapshotObjects = 1_000_000
)

// WriteSnapshot writes the snapshot as a file that ReadSnapshot reads: indented
// JSON with a line for each field, the same bytes for equal schemas, so that two
// files can be compared by any tool.
func WriteSnapshot(w io.Writer, s *Snapshot) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // definitions are full of < and >
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(s); err != nil {
		return fmt.Errorf("writing a schema snapshot: %w", err)
	}
	_, err := w.Write(text.Bytes())
	return err
}

// ReadSnapshot reads what WriteSnapshot wrote. The text may come from anywhere:
// anything but a snapshot of a known format, with known kinds, each name once and
// at most 64 MiB long, is an error that says what is wrong with it. What a newer
// version may have added is such an error too: not to know a part of a schema
// would make different schemas equal.
func ReadSnapshot(r io.Reader) (*Snapshot, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSnapshotBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxSnapshotBytes {
		return nil, fmt.Errorf("it is larger than %d MiB", maxSnapshotBytes>>20)
	}
	if err := checkFormat(text); err != nil {
		return nil, err
	}
	var file struct {
		Snapshot
		Objects objectList `json:"objects"`
	}
	if err := decodeStrictly(text, &file); err != nil {
		return nil, err
	}
	s := &file.Snapshot
	if s.ServerVersionNum <= 0 {
		return nil, errors.New("it does not say which server it was taken on (server_version_num)")
	}
	s.Objects = file.Objects
	if s.Objects == nil {
		return nil, errors.New("it has no list of objects")
	}
	s.sort()
	for i := 1; i < len(s.Objects); i++ {
		if s.Objects[i].Key == s.Objects[i-1].Key {
			return nil, fmt.Errorf("it has %s twice", s.Objects[i].Key)
		}
	}
	return s, nil
}

// checkFormat tells another document from a snapshot before complaints about its
// fields would confuse the reader.
func checkFormat(text []byte) error {
	var is struct {
		Format string `json:"schema"`
	}
	if err := json.Unmarshal(text, &is); err != nil {
		return jsonProblem(err)
	}
	switch is.Format {
	case SnapshotFormat:
		return nil
	case "":
		return fmt.Errorf("it does not say that it is a %s", SnapshotFormat)
	}
	return fmt.Errorf("it is a %q, not a %s", shorten(is.Format), SnapshotFormat)
}

// objectList is the objects of a file, looked at one by one as they are read: a
// list of nothings would take fifty times its length.
type objectList []Object

// UnmarshalJSON reads the list.
func (l *objectList) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	start, err := decoder.Token()
	if err != nil {
		return err
	}
	if start != json.Delim('[') {
		return errors.New("its objects are no list")
	}
	*l = objectList{}
	for decoder.More() {
		var o Object
		if err := decoder.Decode(&o); err != nil {
			return fmt.Errorf("object %d: %w", len(*l)+1, jsonProblem(err))
		}
		if err := o.sound(); err != nil {
			return fmt.Errorf("object %d: %w", len(*l)+1, err)
		}
		if len(*l) == maxSnapshotObjects {
			return fmt.Errorf("it has more than %d objects", maxSnapshotObjects)
		}
		*l = append(*l, o)
	}
	return nil
}

// sound reports what is wrong with an object from a file.
func (o Object) sound() error {
	rank, known := kindRank[o.Kind]
	switch {
	case !known || o.Kind == KindColumnOrder:
		return fmt.Errorf("there is no kind of object %q", shorten(string(o.Kind)))
	case o.Name == "":
		return fmt.Errorf("a %s has no name", o.Kind)
	case o.Position < 0:
		return fmt.Errorf("%s is at position %d", o.Key, o.Position)
	case o.Of.IsZero():
		return nil
	}
	// Whatever has parts stands before them in the list of kinds. Held to that,
	// no object can be a part of itself, however far around.
	whole, known := kindRank[o.Of.Kind]
	if !known || o.Of.Name == "" || whole >= rank {
		return fmt.Errorf("%s cannot belong to %q", o.Key, shorten(o.Of.String()))
	}
	return nil
}

// decodeStrictly decodes one value with nothing unknown in it and nothing behind it.
func decodeStrictly(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return jsonProblem(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind it")
	}
	return nil
}

// jsonProblem words what the decoder found for someone who did not write Go.
func jsonProblem(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.As(err, &syntax) && strings.HasPrefix(syntax.Error(), "unexpected end"):
		return errors.New("it is empty or cut off")
	case errors.As(err, &syntax):
		return fmt.Errorf("it is no JSON: %w at byte %d", err, syntax.Offset)
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("an object was expected, not: %s", kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("%s cannot be a %s", shorten(kind.Field), kind.Value)
	case strings.HasPrefix(err.Error(), "json: "):
		return errors.New(shorten(strings.TrimPrefix(err.Error(), "json: ")))
	}
	return err
}
