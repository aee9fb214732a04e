package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what the scripts compare with")

// TestMain makes this test binary answer as clipperops itself, so that scripts
// and fault tests run the real program in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(cleaner{m}, map[string]func(){"clipperops": main})
}

// cleaner runs the tests and removes what they built for each other.
type cleaner struct{ *testing.M }

func (c cleaner) Run() int {
	// Most of these tests wait for something other than a processor. The flag of
	// the command line, read later, has the last word.
	if err := flag.Set("test.parallel", strconv.Itoa(max(4, 2*runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(goMigrateDir()) }() // there is none when no test needed it
	return c.M.Run()
}

// TestScripts runs the command line as a user types it: testdata/script/*.txtar,
// each with a Clipper database of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               scriptSetup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     scriptExits,
			"sql":       scriptSQL,
			"await":     scriptAwait,
			"hold":      scriptHold,
			"free":      scriptFree,
			"gomigrate": scriptGoMigrate,
			"database":  scriptDatabase,
			"service":   scriptService,
		},
	})
}

type scriptKey struct{}

// scriptState is what a script's own commands work on.
type scriptState struct {
	tb     testing.TB
	target config.Target
	held   map[string]*pgx.Conn
}

func stateOf(ts *testscript.TestScript) *scriptState {
	return ts.Value(scriptKey{}).(*scriptState)
}

// scriptSetup gives the script a Clipper at version 10, owned by a role that is
// no superuser, and directories of its own.
func scriptSetup(env *testscript.Env) error {
	tb := env.T().(testing.TB)
	state := &scriptState{tb: tb, held: map[string]*pgx.Conn{}}
	env.Values[scriptKey{}] = state
	env.Defer(func() {
		for _, conn := range state.held {
			_ = conn.Close(context.Background()) // the script is over
		}
	})
	useDatabase(env.Setenv, state, pgtest.New(tb, pgtest.WithClipper(), pgtest.AsRole()))
	for name, value := range map[string]string{
		"HOME":       filepath.Join(env.WorkDir, "home"),
		"BACKUP_DIR": filepath.Join(env.WorkDir, "backups"),
		"REPORT_DIR": filepath.Join(env.WorkDir, "reports"),
		"LANG":       "C.UTF-8",
		"COLUMNS":    "80",
		"PGAPPNAME":  "",
		"GORACE":     endsAtOnce,
		"GOGC":       "400",
	} {
		env.Setenv(name, value)
	}
	return os.MkdirAll(filepath.Join(env.WorkDir, "home"), 0o700)
}

func useDatabase(setenv func(string, string), state *scriptState, target config.Target) {
	state.target = target
	setenv("DATABASE_URL", string(target.URL().Reveal()))
	setenv("DBNAME", target.Database)
	setenv("DBHOST", target.Host)
	setenv("DBPORT", strconv.Itoa(int(target.Port)))
	setenv("DBUSER", target.User)
	setenv("DBPASSWORD", target.Password.Reveal())
}

// scriptExits runs a command and wants that exit code: exits 4 clipperops ….
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGS]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d (%s), want %d", got, ops.ExitCode(got).Outcome(), want)
	}
}

// scriptSQL runs SQL in the script's database as its owner; a query's first
// column goes to stdout, a value a line.
func scriptSQL(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	values, err := queryText(s.target, strings.Join(args, " "))
	if neg != (err != nil) {
		ts.Fatalf("%v", err)
	}
	for _, v := range values {
		fmt.Fprintln(ts.Stdout(), v)
	}
}

// scriptAwait waits until a query answers true.
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	query := strings.Join(args, " ")
	pgtest.Eventually(s.tb, func() bool {
		values, err := queryText(s.target, query)
		return err == nil && len(values) == 1 && (values[0] == "true") != neg
	})
}

// scriptHold opens a transaction, runs SQL in it and leaves it open: hold NAME SQL.
func scriptHold(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	conn, err := pgx.Connect(context.Background(), s.target.ConnString()+" application_name=metabase")
	ts.Check(err)
	s.held[args[0]] = conn
	_, err = conn.Exec(context.Background(), "BEGIN; "+strings.Join(args[1:], " "))
	ts.Check(err)
}

// scriptFree ends what hold began.
func scriptFree(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	ts.Check(s.held[args[0]].Close(context.Background()))
	delete(s.held, args[0])
}

// scriptDatabase makes another database the script's: database empty|clipper|superuser.
func scriptDatabase(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	options := map[string][]pgtest.Option{
		"empty":     {pgtest.AsRole()},
		"clipper":   {pgtest.WithClipper(), pgtest.AsRole()},
		"superuser": {pgtest.WithClipper()},
	}[args[0]]
	useDatabase(ts.Setenv, s, pgtest.New(s.tb, options...))
}

// scriptService starts an instance of a service that follows the flag in the script's
// database, and names it in clipperops.yaml, with the other addresses: service [URL…].
func scriptService(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	addresses := strings.Join(append([]string{newExposed(s.tb, s.target).URL}, args...), " ")
	settings := "environments:\n"
	for _, environment := range []string{"production", "staging"} {
		settings += "  " + environment + ": {rollout: {instances: \"" + addresses + "\"}}\n"
	}
	ts.Check(os.WriteFile(ts.MkAbs("clipperops.yaml"), []byte(settings), 0o600))
}

// scriptGoMigrate runs golang-migrate's own command line on the script's database.
func scriptGoMigrate(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	program, err := goMigrate()
	ts.Check(err)
	url := strings.Replace(s.target.URL().Reveal(), "postgres://", "pgx5://", 1)
	err = ts.Exec(program, append([]string{"-database", url}, args...)...)
	if neg != (err != nil) {
		ts.Fatalf("migrate: %v", err)
	}
}

// goMigrateDir is where golang-migrate's command of this process is built.
func goMigrateDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("clipperops-gomigrate-%d", os.Getpid()))
}

// goMigrate builds golang-migrate's command once.
var goMigrate = sync.OnceValues(func() (string, error) {
	program := filepath.Join(goMigrateDir(), "migrate")
	build := exec.Command("go", "build", "-tags", "pgx5 file", "-o", program, "github.com/golang-migrate/migrate/v4/cmd/migrate")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building golang-migrate: %w\n%s", err, out)
	}
	return program, nil
})

// queryText runs SQL and returns the first column of its last result as text.
func queryText(target config.Target, sql string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, target.ConnString())
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing depends on it
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 {
		return nil, err
	}
	var values []string
	for _, row := range results[len(results)-1].Rows {
		value := string(row[0])
		switch value {
		case "t":
			value = "true"
		case "f":
			value = "false"
		}
		values = append(values, value)
	}
	return values, nil
}
