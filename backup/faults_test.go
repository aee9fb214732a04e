package backup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// sessions counts those of our programs in the database.
func sessions(t testing.TB, target config.Target) int {
	t.Helper()
	return pgtest.QueryValue[int](t, pgtest.Shared(t), "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE '%clipperops backup%'", target.Database)
}

func TestCtrlCLeavesNoFileAndNoSession(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	large(t, target)
	o := options(t, target)
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(ops.Progress) { cancel() }
	_, err := backup.Create(ctx, o)
	failed(t, err, ops.ExitInterrupted, "interrupted while backing up", "no backup was taken")
	empty(t, o.Dir)
	eventually(t, "no session is left", func() bool { return sessions(t, target) == 0 })
}

func TestCtrlCBeforeAnythingBegan(t *testing.T) {
	t.Parallel()
	o := options(t, pgtest.New(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := backup.Create(ctx, o)
	failed(t, err, ops.ExitInterrupted)
	empty(t, o.Dir)
}

func TestTheTimeLimitIsNamed(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	o := options(t, target)
	o.Programs.Dump = script(t, o.Programs.Dump, "exec sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := backup.Create(ctx, o)
	failed(t, err, ops.ExitFailed, "--timeout")
	empty(t, o.Dir)
}

// Guards against `pg_dump | gzip`, which succeeds however pg_dump ends.
func TestAPgDumpThatDiesHalfWayLeavesNoBackup(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	large(t, target)
	o := options(t, target)
	pidFile := filepath.Join(t.TempDir(), "pid")
	o.Programs.Dump = script(t, o.Programs.Dump, fmt.Sprintf(`echo $$ > %s; exec "$REAL" "$@"`, pidFile))
	var once sync.Once
	o.Progress = func(ops.Progress) {
		once.Do(func() { // it has far more to say than the pipe holds
			text, err := os.ReadFile(pidFile)
			if err != nil {
				t.Error(err)
				return
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err == nil {
				err = syscall.Kill(pid, syscall.SIGKILL)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	_, err := backup.Create(t.Context(), o)
	failed(t, err, ops.ExitFailed, "pg_dump failed", "killed", "no backup was taken")
	empty(t, o.Dir)
	eventually(t, "no session is left", func() bool { return sessions(t, target) == 0 })
}

func TestAPgDumpThatClaimsSuccessIsNotBelieved(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	large(t, target)
	for says, body := range map[string]string{
		"is missing":                  `"$REAL" "$@" | head -c 300000`, // as a full pipe or disk would cut it
		"reports errors":              `"$REAL" "$@"; echo "pg_dump: error: something went wrong" >&2`,
		"dump complete\" is missing":  `exit 0`,
		"pg_dump failed: exit status": `"$REAL" "$@"; exit 3`,
	} {
		o := options(t, target)
		o.Programs.Dump = script(t, o.Programs.Dump, body)
		_, err := backup.Create(t.Context(), o)
		failed(t, err, ops.ExitFailed, says)
		empty(t, o.Dir)
	}
}

func TestALockedTableIsWaitedForAndItsHolderNamed(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE clips (n int)")
	holder, err := pg.Connect(t.Context(), target, pg.ConnOptions{Application: "metabase"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range []string{"BEGIN", "LOCK TABLE clips IN ACCESS EXCLUSIVE MODE"} {
		if _, err := holder.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	o := options(t, target)
	o.LockWait = 3 * time.Second
	var waits []string
	o.Progress = func(p ops.Progress) { waits = append(waits, p.Detail) }
	_, err = backup.Create(t.Context(), o)
	failed(t, err, ops.ExitFailed, "a table is locked", "app metabase", "idle in transaction", fmt.Sprintf("pg_terminate_backend(%d)", holder.PgConn().PID()))
	if len(waits) == 0 || !strings.Contains(waits[0], "metabase") {
		t.Errorf("while it waited it said %q", waits)
	}
	empty(t, o.Dir)
}

func TestAWrongPasswordLeavesNoFile(t *testing.T) {
	t.Parallel()
	o := options(t, pgtest.New(t))
	o.Target.Password = "wrong"
	_, err := backup.Create(t.Context(), o)
	var refused *pg.ConnectError
	if !errors.As(err, &refused) || refused.Kind != pg.ConnectPassword {
		t.Errorf("error %v", err)
	}
	failed(t, err, ops.ExitFailed, "password")
	empty(t, o.Dir)
}

func TestADirectoryThatCannotBeMade(t *testing.T) {
	t.Parallel()
	o := options(t, pgtest.New(t))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Dir = filepath.Join(file, "backups")
	_, err := backup.Create(t.Context(), o)
	failed(t, err, ops.ExitFailed, "cannot be written", "BACKUP_DIR")
}

// Guards against a policy hiding rows from the dump, and from the count as well.
func TestHiddenRowsAreAnErrorNotASmallerBackup(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE secrets AS SELECT 1 AS n; ALTER TABLE secrets ENABLE ROW LEVEL SECURITY")
	role := pgtest.NewRole(t, "")
	pgtest.Exec(t, target, "GRANT SELECT ON secrets TO "+pgx.Identifier{role.User}.Sanitize())
	o := options(t, target)
	o.Target = role.WithDatabase(target.Database)
	_, err := backup.Create(t.Context(), o)
	failed(t, err, ops.ExitFailed, "row-level security", "BYPASSRLS")
	pgtest.Exec(t, target, "DROP OWNED BY "+pgx.Identifier{role.User}.Sanitize())

	_, err = backup.Create(t.Context(), o)
	failed(t, err, ops.ExitFailed, "permission denied", "pg_read_all_data")
	empty(t, o.Dir)
}

func TestAServerThatRestartsInTheMiddle(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	target := server.Target("postgres")
	large(t, target)
	o := options(t, target)
	var once sync.Once
	o.Progress = func(ops.Progress) {
		once.Do(func() {
			if err := server.Restart(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	_, err := backup.Create(t.Context(), o)
	failed(t, err, ops.ExitFailed, "no backup was taken")
	empty(t, o.Dir)
}

func TestAFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := mountSmall(dir); err != nil {
		// Without root there is no small disk to be had: a process whose files may
		// not become larger gets the same answer from its writes.
		out, err := helper(t, "limited", dir).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		empty(t, filepath.Join(dir, "backups"))
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	target := pgtest.New(t)
	large(t, target)
	o := options(t, target)
	o.Dir = dir
	_, err := backup.Create(t.Context(), o)
	failed(t, err, ops.ExitFailed, "the disk is full", "no backup was taken", "df -h "+dir)
	empty(t, dir)
	eventually(t, "no session is left", func() bool { return sessions(t, target) == 0 })
}

func TestAFileThatMayNotGrow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := helper(t, "limited", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	empty(t, filepath.Join(dir, "backups"))
}

// mountSmall mounts a disk of 64 kB; only root may.
func mountSmall(dir string) error {
	if runtime.GOOS != "linux" {
		return errors.ErrUnsupported
	}
	return mountTmpfs(dir, "size=64k,mode=0700")
}

// Guards against taking the files of others for what a killed run left.
func TestOnlyABackupsOwnPartialsAreRemoved(t *testing.T) {
	t.Parallel()
	o := options(t, pgtest.New(t))
	o.Dir = t.TempDir()
	dead := []string{"db-20260101-000000.json.partial", "db-20260101-000000.sql.gz.partial"}
	foreign := []string{"db-20260101-000000-copy.sql.gz.partial", "db-20260101-000000.tar.partial", "db-notes.sql.gz.partial"}
	for _, name := range slices.Concat(dead, foreign) {
		if err := os.WriteFile(filepath.Join(o.Dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(dead, create(t, o).Removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	left := filesIn(t, o.Dir)
	for _, name := range foreign {
		if !slices.Contains(left, name) {
			t.Errorf("%s is gone", name)
		}
	}
}

func TestAKilledRunLeavesAPartialThatIsSeenAndRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := helper(t, "stalled", dir)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	backups := filepath.Join(dir, "backups")
	status := func(want backup.Status) func() bool {
		return func() bool {
			entries, err := backup.List(backups)
			if err != nil {
				t.Fatal(err)
			}
			return len(entries) == 1 && entries[0].Status == want && strings.HasSuffix(entries[0].Name, ".sql.gz.partial")
		}
	}
	eventually(t, "the backup is being written", status(backup.StatusRunning))

	o := options(t, pgtest.New(t))
	o.Dir = backups
	if ref := create(t, o); len(ref.Removed) > 0 {
		t.Errorf("removed %q of a run that lives", ref.Removed)
	}
	for _, name := range filesIn(t, backups) {
		if !strings.HasSuffix(name, ".partial") {
			if err := os.Remove(filepath.Join(backups, name)); err != nil {
				t.Fatal(err)
			}
		}
	}

	if err := run.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = run.Wait() // killed
	eventually(t, "the partial is dead", status(backup.StatusPartial))
	left := filesIn(t, backups)
	ref := create(t, o)
	if len(ref.Removed) != 1 || ref.Removed[0] != left[0] {
		t.Errorf("removed %q, want %q", ref.Removed, left)
	}
	if n := len(filesIn(t, backups)); n != 2 {
		t.Errorf("%d files, want a dump and its manifest", n)
	}
}
