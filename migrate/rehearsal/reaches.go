package rehearsal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
)

// reachingFunctions work on the server, on its other databases or on other servers. No
// rollback takes that back.
var reachingFunctions = strings.Fields(`
	pg_terminate_backend pg_cancel_backend pg_log_backend_memory_contexts
	pg_reload_conf pg_rotate_logfile pg_promote pg_switch_wal pg_create_restore_point
	pg_start_backup pg_stop_backup pg_backup_start pg_backup_stop pg_wal_replay_pause pg_wal_replay_resume
	pg_stat_reset_shared pg_stat_reset_slru pg_stat_reset_replication_slot pg_stat_reset_subscription_stats
	pg_create_physical_replication_slot pg_create_logical_replication_slot pg_drop_replication_slot
	pg_copy_physical_replication_slot pg_copy_logical_replication_slot pg_replication_slot_advance
	pg_logical_slot_get_changes pg_logical_slot_get_binary_changes pg_sync_replication_slots
	pg_file_write pg_file_sync pg_file_unlink pg_file_rename lo_export lo_import
	dblink dblink_connect dblink_connect_u dblink_exec dblink_open dblink_send_query
	http http_get http_post http_put http_patch http_delete http_head
`)

// reach is what leads out of the clone.
type reach struct {
	// functions are those that do.
	functions map[string]bool
	// relations are those on which queries do, with what they are: foreign tables, views and
	// tables with a trigger, a rule, a default or a check that does. refreshed are
	// materialized views, which do when they are filled.
	relations, refreshed map[string]string
	// always is what does so with every change of the schema; "" for nothing.
	always string
}

// staysHome refuses a plan with a statement that acts outside the clone, before anything
// of it has run.
func (r *reach) staysHome(plan *migrate.Plan) error {
	statements := make([][]sqlscan.Statement, len(plan.Files))
	for i, f := range plan.Files {
		statements[i] = f.Statements
		if len(statements[i]) == 0 {
			statements[i], _ = sqlscan.Split(f.Body) // what cannot be split does not run either
		}
	}
	for known := -1; known != len(r.functions); { // a function may call one that is made behind it
		known = len(r.functions)
		for i := range statements {
			for _, st := range statements[i] {
				r.define(st)
			}
		}
	}
	for i, f := range plan.Files {
		for _, st := range statements[i] {
			if r.always != "" && len(st.Words) > 0 && slices.Contains(schemaWords, st.Words[0]) {
				return actsOutside(f, st, r.always)
			}
			if what := r.by(st); what != "" {
				return actsOutside(f, st, what)
			}
		}
	}
	return nil
}

// schemaWords begin statements that event triggers are called for.
var schemaWords = []string{"CREATE", "ALTER", "DROP", "COMMENT", "GRANT", "REVOKE", "IMPORT", "REFRESH", "REINDEX"}

// define notes a function or a foreign table that a statement makes; false when it makes
// none. To define one is harmless; whoever calls it is not.
func (r *reach) define(st sqlscan.Statement) bool {
	p := phrase(st.Tokens)
	if !p.take("CREATE") {
		return false
	}
	p.take("OR", "REPLACE")
	switch {
	case p.take("FUNCTION"), p.take("PROCEDURE"):
		names := p.names()
		if len(names) > 0 && (r.inTokens(st.Tokens, everything) != "" || untrusted(p)) {
			r.functions[names[len(names)-1]] = true
		}
		return true
	case p.take("FOREIGN", "TABLE"):
		p.take("IF", "NOT", "EXISTS")
		if names := p.names(); len(names) > 0 {
			name := names[len(names)-1]
			r.relations[name] = "table " + name + ", which is a foreign one"
		}
		return true
	}
	return false
}

// untrustedLanguages can do on the server whatever its system lets them.
var untrustedLanguages = strings.Fields("plpython2u plpython3u plpythonu plperlu pltclu plsh plruby pljavau c")

// untrusted reports whether code is in such a language.
func untrusted(p phrase) bool {
	at := p.index("LANGUAGE")
	if at < 0 {
		return false
	}
	name := p.at(at + 1).Name()
	if value, quoted := p.at(at + 1).Value(); quoted {
		name = strings.ToLower(value)
	}
	return slices.Contains(untrustedLanguages, name)
}

// by is what of the statement leads out, "" for nothing.
func (r *reach) by(st sqlscan.Statement) string {
	p := phrase(st.Tokens)
	switch {
	case r.define(st):
		return ""
	case p.begins("DO") && untrusted(p):
		return "code in an untrusted language"
	}
	return r.inTokens(st.Tokens, looked(st))
}

// look is how much of a statement is looked at.
type look int

const (
	// everything is done, calls alone are made, or nothing of either.
	everything look = iota
	callsOnly
	nothing
)

// looked is how much of a statement can lead out. One that does no more than to change what
// the clone knows of a foreign table does not; a table that is altered may call functions
// for its rows, and one whose check is validated, or whose rows are written anew, does.
func looked(st sqlscan.Statement) look {
	switch p := phrase(st.Tokens); {
	case p.begins("ALTER", "TABLE") && (p.has("VALIDATE") || p.has("TYPE")):
		return everything
	case p.begins("ALTER", "TABLE"), p.begins("ALTER", "DOMAIN"):
		return callsOnly
	case len(st.Words) > 0 && slices.Contains([]string{"ALTER", "DROP", "COMMENT", "GRANT", "REVOKE"}, st.Words[0]):
		return nothing
	}
	return everything
}

func (r *reach) inTokens(tokens []sqlscan.Token, how look) string {
	for i, t := range tokens {
		next := sqlscan.Token{}
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		name := t.Name()
		switch {
		case name != "" && r.functions[name] && next.IsPunct("(") && how != nothing && !onlyNamed(tokens[:i]):
			return name + "()"
		case name != "" && r.relations[name] != "" && how == everything:
			return r.relations[name]
		case t.Is("COPY"):
			if what := copiesOutside(tokens[i+1:]); what != "" {
				return what
			}
		case t.Is("IMPORT") && phrase(tokens[i:]).begins("IMPORT", "FOREIGN", "SCHEMA"):
			return "IMPORT FOREIGN SCHEMA asks another server"
		case t.Is("REFRESH") && phrase(tokens[i:]).begins("REFRESH", "MATERIALIZED", "VIEW"):
			if what := r.refreshing(tokens[i+3:]); what != "" {
				return what
			}
		case t.Kind == sqlscan.String && how != nothing:
			if what := r.inString(t); what != "" {
				return what
			}
		}
	}
	return ""
}

// onlyNamed reports whether what stands before a function's name says that it is not called
// there: ALTER FUNCTION, GRANT … ON FUNCTION, CREATE FUNCTION. A trigger's EXECUTE FUNCTION
// will call it.
func onlyNamed(before []sqlscan.Token) bool {
	for len(before) > 1 && before[len(before)-1].IsPunct(".") {
		before = before[:len(before)-2]
	}
	n := len(before)
	return n > 0 && isOneOf(before[n-1], "FUNCTION", "PROCEDURE", "ROUTINE") && (n < 2 || !before[n-2].Is("EXECUTE"))
}

// refreshing is what stands behind REFRESH MATERIALIZED VIEW, when it leads out.
func (r *reach) refreshing(p phrase) string {
	p.take("CONCURRENTLY")
	names := p.names()
	if len(names) == 0 || p.has("NO", "DATA") {
		return ""
	}
	return r.refreshed[names[len(names)-1]]
}

// inString looks into a string: the code of a DO block, or SQL that is put together.
func (r *reach) inString(t sqlscan.Token) string {
	code, plain := t.Value()
	if !plain {
		code = strings.Trim(strings.TrimLeft(t.Text, "eEnNuU&"), "'")
	}
	return r.inCode(code)
}

func (r *reach) inCode(code string) string {
	statements, err := sqlscan.Split(code)
	if err != nil { // part of a statement, or no SQL
		for name := range r.functions {
			if strings.Contains(strings.ToLower(code), name+"(") {
				return name + "()"
			}
		}
		return ""
	}
	for _, st := range statements {
		if what := r.inTokens(st.Tokens, everything); what != "" {
			return what
		}
	}
	return ""
}

// copiesOutside reads what stands behind COPY: a program or a file of the server.
func copiesOutside(tokens []sqlscan.Token) string {
	depth := 0
	for i, t := range tokens {
		switch {
		case t.IsPunct("("):
			depth++
		case t.IsPunct(")"):
			depth--
		case t.IsPunct(";"):
			return ""
		case depth == 0 && (t.Is("TO") || t.Is("FROM")) && i+1 < len(tokens):
			if tokens[i+1].Is("PROGRAM") {
				return "COPY with a program of the server"
			}
			if tokens[i+1].Kind == sqlscan.String {
				return "COPY with a file of the server"
			}
			return ""
		}
	}
	return ""
}

func actsOutside(f migrate.File, st sqlscan.Statement, what string) error {
	return &ops.Failure{
		Code:   ops.ExitRefused,
		What:   fmt.Sprintf("%s:%d would act outside the clone: %s", f.FileName, st.Line, what),
		Detail: []string{firstLine(st.Text)},
		State:  []string{"nothing of the plan was run on the clone's server"},
		Next:   []string{"rehearse on a server that is thrown away afterwards: --rehearse-on local"},
	}
}
