package rehearsal

import (
	"fmt"
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
	var what []string
	for _, catalog := range shared {
		what = append(what, sharedThings(catalog))
	}
	return leaves(f, st, strings.Join(what, ", "))
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

func sharedThings(catalog string) string {
	switch catalog {
	case "pg_authid", "pg_auth_members":
		return "roles"
	case "pg_database":
		return "databases"
	case "pg_db_role_setting":
		return "settings of roles and databases"
	case "pg_tablespace":
		return "tablespaces"
	case "pg_parameter_acl":
		return "rights to settings"
	case "pg_shdescription":
		return "comments on roles and databases"
	}
	return catalog
}

func firstLine(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if more {
		line += " …"
	}
	return line
}
