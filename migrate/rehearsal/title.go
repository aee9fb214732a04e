package rehearsal

import "strings"

// titles say what a finding is about, whatever was found: by id, or by the beginning
// of one that names a relation or a file behind it.
var titles = []struct{ id, title string }{
	{"rehearse.clone", "the clone is like the database"},
	{"rehearse.backup", "the backup is restorable"},
	{"rehearse.applies", "every file runs on the clone"},
	{"rehearse.reversible", "the way back restores the schema"},
	{"rehearse.repeats", "the same way again leads to the same schema"},
	{"rehearse.locks.", "how long reads or writes of {} wait"},
	{"rehearse.locks", "how long reads or writes wait"},
	{"rehearse.rewrite", "no table in use is rewritten"},
	{"rehearse.lost", "what is lost"},
	{"rehearse.rows", "which rows are written"},
	{"rehearse.clients", "running clients find what they ask for"},
	{"rehearse.proof", "what a rollback has to prove holds on the clone"},
	{"rehearse.file.", "what {} does"},
}

// Title says what the finding of that id is about; "" for an id of nobody's.
func Title(id string) string {
	for _, t := range titles {
		rest, found := strings.CutPrefix(id, t.id)
		switch {
		case !found:
		case strings.HasSuffix(t.id, ".") && rest != "":
			return strings.ReplaceAll(t.title, "{}", rest)
		case rest == "":
			return t.title
		}
	}
	return ""
}
