package rehearsal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

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
	// functions are those that do, relations those on which every query does: foreign
	// tables, and tables with a trigger that does.
	functions, relations map[string]bool
}

// codeSQL is the code of every function, the foreign tables, and the triggers.
const codeSQL = `
SELECT 'code', p.proname::text, p.prosrc FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.oid >= ` + firstUserOID + ` AND l.lanname NOT IN ('c', 'internal')
 UNION ALL
SELECT 'table', c.relname::text, '' FROM pg_catalog.pg_class c WHERE c.relkind = 'f'
 UNION ALL
SELECT 'trigger', c.relname::text, p.proname::text
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
 WHERE NOT t.tgisinternal`

// readReach finds what of the clone leads out of it.
func readReach(ctx context.Context, conn *pgx.Conn) (*reach, error) {
	results, err := conn.PgConn().Exec(ctx, codeSQL).ReadAll()
	if err != nil {
		return nil, err
	}
	r := &reach{functions: map[string]bool{}, relations: map[string]bool{}}
	for _, name := range reachingFunctions {
		r.functions[name] = true
	}
	for _, row := range results[0].Rows {
		if string(row[0]) == "table" {
			r.relations[string(row[1])] = true
		}
	}
	for more := true; more; { // a function may call another
		more = false
		for _, row := range results[0].Rows {
			name, code := string(row[1]), string(row[2])
			switch string(row[0]) {
			case "code":
				if !r.functions[name] && r.inCode(code) != "" {
					r.functions[name], more = true, true
				}
			case "trigger":
				if !r.relations[name] && r.functions[code] {
					r.relations[name], more = true, true
				}
			}
		}
	}
	return r, nil
}

// staysHome refuses a plan with a statement that acts outside the clone, before anything
// of it has run.
func (r *reach) staysHome(plan *migrate.Plan) error {
	for _, f := range plan.Files {
		statements := f.Statements
		if len(statements) == 0 {
			statements, _ = sqlscan.Split(f.Body) // what cannot be split does not run either
		}
		for _, st := range statements {
			if what := r.by(st); what != "" {
				return actsOutside(f, st, what)
			}
		}
	}
	return nil
}

// by is what of the statement leads out, "" for nothing. To define a function is harmless;
// whoever calls it is not.
func (r *reach) by(st sqlscan.Statement) string {
	p := phrase(st.Tokens)
	if p.take("CREATE") {
		p.take("OR", "REPLACE")
		if p.take("FUNCTION") || p.take("PROCEDURE") {
			names := p.names()
			if len(names) > 0 && r.inTokens(st.Tokens, false) != "" {
				r.functions[names[len(names)-1]] = true
			}
			return ""
		}
		if p.take("FOREIGN", "TABLE") {
			p.take("IF", "NOT", "EXISTS")
			if names := p.names(); len(names) > 0 {
				r.relations[names[len(names)-1]] = true
			}
			return ""
		}
	}
	return r.inTokens(st.Tokens, changesOnlyTheSchema(st))
}

// changesOnlyTheSchema reports whether a statement does no more to a foreign table than
// to change what the clone knows of it.
func changesOnlyTheSchema(st sqlscan.Statement) bool {
	return len(st.Words) > 0 && slices.Contains([]string{"ALTER", "DROP", "COMMENT", "GRANT", "REVOKE"}, st.Words[0])
}

func (r *reach) inTokens(tokens []sqlscan.Token, schemaOnly bool) string {
	for i, t := range tokens {
		next := sqlscan.Token{}
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		name := t.Name()
		switch {
		case name != "" && r.functions[name] && next.IsPunct("(") && !schemaOnly:
			return name + "()"
		case name != "" && r.relations[name] && !schemaOnly:
			return "table " + name + ", which is a foreign one or has a trigger that reaches out"
		case t.Is("COPY"):
			if what := copiesOutside(tokens[i+1:]); what != "" {
				return what
			}
		case t.Kind == sqlscan.String:
			if what := r.inString(t); what != "" {
				return what
			}
		}
	}
	return ""
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
		if what := r.inTokens(st.Tokens, false); what != "" {
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
