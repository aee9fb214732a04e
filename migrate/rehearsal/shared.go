package rehearsal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
)

// leavesError is a statement whose effect is not kept to the clone.
type leavesError struct{ *ops.Failure }

// Unwrap returns the failure, so that its lines are found.
func (e *leavesError) Unwrap() error { return e.Failure }

// staysInside refuses to commit what all databases of the clone's server share: a role
// that is made on the clone is made for the database itself as well, when the server is
// the same, and is in its own way when the file runs there.
func (r *rehearsal) staysInside(f migrate.File, st sqlscan.Statement, shared []string) error {
	if r.OwnServer || len(shared) == 0 {
		return nil
	}
	slices.Sort(shared)
	return leaves(f, st, strings.Join(slices.Compact(shared), ", "))
}

// mayRunOutside refuses a statement outside a transaction that works on the server
// itself: nothing can take it back.
func (r *rehearsal) mayRunOutside(f migrate.File, st sqlscan.Statement) error {
	if r.OwnServer || len(st.Words) < 2 {
		return nil
	}
	switch thing := st.Words[1]; {
	case st.Begins("ALTER", "SYSTEM"):
		return leaves(f, st, "settings of the server")
	case st.Words[0] != "CREATE" && st.Words[0] != "DROP" && st.Words[0] != "ALTER":
	case thing == "DATABASE", thing == "TABLESPACE", thing == "SUBSCRIPTION":
		return leaves(f, st, strings.ToLower(thing)+"s")
	}
	return nil
}

func leaves(f migrate.File, st sqlscan.Statement, what string) error {
	return &leavesError{&ops.Failure{
		Code:   ops.ExitRefused,
		What:   fmt.Sprintf("%s:%d changes what all databases of a server share (%s), and would do so outside the clone", f.FileName, st.Line, what),
		Detail: []string{firstLine(st.Text)},
		State:  []string{"nothing of that file was committed on the clone's server"},
		Next:   []string{"rehearse on a server that is thrown away afterwards: --rehearse-on local"},
	}}
}

// databasesOID is pg_database's, which is looked at by its rows: a lock on it is let go
// before the commit, and what a file does to the clone itself goes with the clone.
const databasesOID = "1262"

// sharedThings are the catalogs that all databases of a server have in common, by OID,
// but for those that any file writes to.
var sharedThings = map[int64]string{
	1213: "tablespaces",
	1260: "roles",
	1261: "roles",
	1262: "databases",
	2396: "comments on roles and databases",
	2964: "settings of roles and databases",
	3592: "labels of roles and databases",
	6000: "replication origins",
	6100: "subscriptions",
	6243: "rights to settings",
}

func firstLine(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if more {
		line += " …"
	}
	return line
}
