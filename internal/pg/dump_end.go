package pg

import "bytes"

// DumpEndLine is what pg_dump writes last, but for \unrestrict.
const DumpEndLine = "-- PostgreSQL database dump complete"

// DumpEnd remembers the last bytes of a plain dump, to tell whether all of it came.
type DumpEnd struct{ last []byte }

// dumpEndSpan holds the last line with a \unrestrict line behind it, and to spare.
const dumpEndSpan = 512

// See takes the next bytes.
func (t *DumpEnd) See(p []byte) {
	if len(p) >= dumpEndSpan {
		t.last = append(t.last[:0], p[len(p)-dumpEndSpan:]...)
		return
	}
	t.last = append(t.last, p...)
	if extra := len(t.last) - dumpEndSpan; extra > 0 {
		t.last = append(t.last[:0], t.last[extra:]...)
	}
}

// Complete reports whether that line is there and nothing of substance follows.
func (t *DumpEnd) Complete() bool {
	i := bytes.LastIndex(t.last, []byte("\n"+DumpEndLine+"\n"))
	if i < 0 {
		return false
	}
	for line := range bytes.Lines(t.last[i+len(DumpEndLine)+2:]) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && !bytes.Equal(line, []byte("--")) && !bytes.HasPrefix(line, []byte(`\unrestrict `)) {
			return false
		}
	}
	return true
}
