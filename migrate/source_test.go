package migrate_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrations"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/google/go-cmp/cmp"
)

func problems(src *migrate.Source) []string {
	var all []string
	for _, p := range src.Problems {
		all = append(all, p.ID+" "+p.String())
	}
	return all
}

const fine = "SELECT 1;"

var badFiles = map[string]struct {
	files map[string]string
	want  []string
}{
	"nothing wrong": {map[string]string{"000001_a": fine, "README.md": "read me", "embed.go": "package x", ".000002-b.up.sql": ""}, nil},
	"no files":      {map[string]string{}, []string{"files.complete there is no migration in testdata"}},
	"misnamed": {map[string]string{"000001_a": fine, "000012-add.up.sql": fine, "seed.sql": fine, "99999999999999999999_x.up.sql": fine}, []string{
		"files.complete 000012-add.up.sql: is not named as a migration, so golang-migrate ignores it",
		"files.complete 99999999999999999999_x.up.sql: is not named as a migration, so golang-migrate ignores it",
		"files.complete seed.sql: is not named as a migration, so golang-migrate ignores it",
	}},
	"version beyond bigint": {map[string]string{"000001_a": fine, "9223372036854775808_x.up.sql": fine}, []string{
		"files.complete 9223372036854775808_x.up.sql: version is larger than schema_migrations can hold",
	}},
	"duplicate version": {map[string]string{"000001_a": fine, "1_b.up.sql": fine}, []string{
		"files.complete 1_b.up.sql: has the same version and direction as 000001_a.up.sql",
	}},
	"missing down": {map[string]string{"000001_a": fine, "000002_b.up.sql": fine}, []string{
		"files.complete 000002_b.up.sql: has no down file",
	}},
	"missing up": {map[string]string{"000001_a": fine, "000002_b.down.sql": fine}, []string{
		"files.complete 000002_b.down.sql: has no up file",
	}},
	"empty":         {map[string]string{"000001_a": ""}, []string{"files.complete 000001_a.up.sql: holds no statement"}},
	"comments only": {map[string]string{"000001_a": "-- nothing\n;;/* yet */"}, []string{"files.complete 000001_a.up.sql: holds no statement"}},
	"not UTF-8":     {map[string]string{"000001_a": "SELECT 1;\n-- caf\xe9\n"}, []string{"files.complete 000001_a.up.sql line 2: byte 0xe9 is not UTF-8"}},
	"UTF-16":        {map[string]string{"000001_a": "\xff\xfeS\x00"}, []string{"files.complete 000001_a.up.sql: is UTF-16, not UTF-8"}},
	"byte order mark": {map[string]string{"000001_a": "\ufeffSELECT 1;"}, []string{
		"files.complete 000001_a.up.sql: begins with a byte order mark, which the server takes for a part of the first word",
	}},
	"zero byte":      {map[string]string{"000001_a": "SELECT '\x00';"}, []string{"files.complete 000001_a.up.sql line 1: a zero byte, which is no text"}},
	"never closed":   {map[string]string{"000001_a": "SELECT 1;\nSELECT 'a;"}, []string{"files.complete 000001_a.up.sql line 2: quotation is never closed"}},
	"psql's command": {map[string]string{"000001_a": "SELECT 1;\n\\i other.sql\n"}, []string{`files.complete 000001_a.up.sql line 2: \i is a command of psql, not SQL`}},
	"commit inside": {map[string]string{"000001_a": "SELECT 1;\nCOMMIT;\nSELECT 2;"}, []string{
		"files.transaction 000001_a.up.sql line 2: COMMIT would end the transaction that the file and its version row share",
	}},
	"two pairs": {map[string]string{"000001_a": "BEGIN;\nSELECT 1;\nCOMMIT;\nBEGIN;\nSELECT 2;\nCOMMIT;"}, []string{
		"files.transaction 000001_a.up.sql line 3: COMMIT would end the transaction that the file and its version row share",
	}},
	"begin without end": {map[string]string{"000001_a": "BEGIN;\nSELECT 1;"}, []string{
		"files.transaction 000001_a.up.sql line 1: BEGIN would end the transaction that the file and its version row share",
	}},
	"savepoint": {map[string]string{"000001_a": "SAVEPOINT a;"}, []string{
		"files.transaction 000001_a.up.sql line 1: SAVEPOINT A would end the transaction that the file and its version row share",
	}},
	"chained": {map[string]string{"000001_a": "BEGIN; SELECT 1; COMMIT AND CHAIN;"}, []string{
		"files.transaction 000001_a.up.sql line 1: BEGIN would end the transaction that the file and its version row share",
	}},
	"mixed": {map[string]string{"000001_a": "ALTER TABLE t ADD a int;\nCREATE INDEX CONCURRENTLY i ON t (a);"}, []string{
		"files.transaction 000001_a.up.sql line 2: CREATE INDEX CONCURRENTLY (line 2) cannot run in a transaction, and the statement on line 1 should",
	}},
	"concurrently between BEGIN and COMMIT": {map[string]string{"000001_a": "BEGIN;\nDROP INDEX CONCURRENTLY i;\nCOMMIT;"}, []string{
		"files.transaction 000001_a.up.sql line 2: DROP INDEX CONCURRENTLY (line 2) cannot run between BEGIN and COMMIT",
	}},
}

func TestReadSourceNamesEveryProblem(t *testing.T) {
	t.Parallel()
	for name, c := range badFiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := source(t, c.files)
			if diff := cmp.Diff(c.want, problems(src)); diff != "" {
				t.Error(diff)
			}
			for _, p := range src.Problems {
				if p.Fix == "" {
					t.Errorf("%s: no fix", p)
				}
			}
		})
	}
}

// shortFile lies about its size, as a file does that is being written.
type shortFile struct{ fs.File }

func (f shortFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return longerInfo{info}, err
}

type longerInfo struct{ fs.FileInfo }

func (i longerInfo) Size() int64 { return i.FileInfo.Size() + 10 }

type shortFS struct{ fstest.MapFS }

func (s shortFS) Open(name string) (fs.File, error) {
	f, err := s.MapFS.Open(name)
	if err != nil || name == "." {
		return f, err
	}
	return shortFile{f}, nil
}

func (s shortFS) ReadFile(name string) ([]byte, error)       { return fs.ReadFile(s.MapFS, name) }
func (s shortFS) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(hide{s}, name) }
func (s shortFS) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(s.MapFS, name) }

// hide leaves nothing but Open of a file system.
type hide struct{ fsys fs.FS }

func (h hide) Open(name string) (fs.File, error) { return h.fsys.Open(name) }

// TestShortReadIsNamed guards against a file cut off in the middle, of which
// golang-migrate runs what it got.
func TestShortReadIsNamed(t *testing.T) {
	t.Parallel()
	src, err := migrate.ReadSource(shortFS{files(map[string]string{"000001_a": "SELECT 1;"})}, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(problems(src), "\n"); !strings.Contains(got, "000001_a.up.sql: only 9 of its bytes could be read, its size is 19") {
		t.Error(got)
	}
}

func TestReadSourceOfNoDirectory(t *testing.T) {
	t.Parallel()
	missing, err := fs.Sub(fstest.MapFS{}, "nowhere")
	if err != nil {
		t.Fatal(err)
	}
	_, err = migrate.ReadSource(missing, "nowhere")
	failure(t, err, ops.ExitUsage, "the migrations in nowhere cannot be read", "--path DIR")
}

// TestSourceAgreesWithGolangMigrate: the same versions in the same order.
func TestSourceAgreesWithGolangMigrate(t *testing.T) {
	t.Parallel()
	src, err := migrate.ReadSource(migrations.FS, "the embedded migrations")
	if err != nil || len(src.Problems) > 0 {
		t.Fatal(err, problems(src))
	}
	theirs, err := iofs.New(migrations.FS, ".")
	if err != nil {
		t.Fatal(err)
	}
	var want []uint64
	for v, err := theirs.First(); err == nil; v, err = theirs.Next(v) {
		want = append(want, uint64(v))
	}
	if diff := cmp.Diff(want, src.Versions()); diff != "" {
		t.Error(diff)
	}
	f, ok := src.Up(97)
	if !ok || f.Name != "update_moderation_audit_logs" || !f.Transactional || len(f.SHA256) != 64 || len(f.Statements) == 0 {
		t.Errorf("%+v", f)
	}
}

func TestWhichFilesRunInATransaction(t *testing.T) {
	t.Parallel()
	for body, reason := range map[string]string{
		"CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)":            "CREATE INDEX CONCURRENTLY (line 1)",
		"-- x\ndrop index concurrently if exists i":              "DROP INDEX CONCURRENTLY (line 2)",
		"REINDEX INDEX CONCURRENTLY i":                           "REINDEX CONCURRENTLY (line 1)",
		"REINDEX (VERBOSE, CONCURRENTLY) TABLE t":                "REINDEX CONCURRENTLY (line 1)",
		"REINDEX (CONCURRENTLY false) TABLE t":                   "",
		"REINDEX TABLE t":                                        "",
		"REINDEX SCHEMA s":                                       "REINDEX SCHEMA (line 1)",
		"REINDEX (VERBOSE) DATABASE d":                           "REINDEX DATABASE (line 1)",
		"VACUUM FULL t":                                          "VACUUM (line 1)",
		"CLUSTER":                                                "CLUSTER of every table (line 1)",
		"CLUSTER t USING i":                                      "",
		"ALTER TABLE p DETACH PARTITION c CONCURRENTLY":          "DETACH PARTITION CONCURRENTLY (line 1)",
		"ALTER TABLE p DETACH PARTITION c FINALIZE":              "",
		"CREATE DATABASE d":                                      "CREATE DATABASE (line 1)",
		"DROP TABLESPACE t":                                      "DROP TABLESPACE (line 1)",
		"CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p":      "CREATE SUBSCRIPTION (line 1)",
		"ALTER SUBSCRIPTION s REFRESH PUBLICATION":               "ALTER SUBSCRIPTION REFRESH PUBLICATION (line 1)",
		"ALTER DATABASE d SET TABLESPACE t":                      "ALTER DATABASE SET TABLESPACE (line 1)",
		"ALTER SYSTEM SET work_mem = '1MB'":                      "ALTER SYSTEM (line 1)",
		"DISCARD ALL":                                            "DISCARD ALL (line 1)",
		"DISCARD PLANS":                                          "",
		"DO $$ BEGIN UPDATE t SET a = 1; COMMIT; END $$":         "DO with COMMIT or ROLLBACK inside (line 1)",
		"DO $$ BEGIN RAISE NOTICE 'COMMIT;'; -- COMMIT;\nEND $$": "",
		"REFRESH MATERIALIZED VIEW CONCURRENTLY v":               "",
		"ALTER TYPE e ADD VALUE 'x'":                             "",
		"SET lock_timeout = '1s'; CREATE INDEX CONCURRENTLY i ON t (a); RESET lock_timeout": "CREATE INDEX CONCURRENTLY (line 1)",
		"CREATE TABLE concurrently (a int)":                                                 "",
		"BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; END TRANSACTION":                     "",
		"START TRANSACTION; SELECT 1; COMMIT AND NO CHAIN":                                  "",
	} {
		src := source(t, map[string]string{"000001_a": body})
		if len(src.Problems) > 0 {
			t.Errorf("%s: %v", body, problems(src))
		}
		f, _ := src.Up(1)
		if f.NonTransactionalReason != reason || f.Transactional != (reason == "") {
			t.Errorf("%s: %q, transactional %t; want %q", body, f.NonTransactionalReason, f.Transactional, reason)
		}
	}
}

// TestLateFilesAreNamed: golang-migrate never runs them, and says nothing.
func TestLateFilesAreNamed(t *testing.T) {
	t.Parallel()
	src := source(t, map[string]string{"000010_a": "SELECT 1;", "000040_late": "SELECT 1;", "000049_b": "SELECT 1;", "000060_c": "SELECT 1;"})
	if late := src.Late(49, nil); late != nil {
		t.Errorf("nothing is known, and yet: %v", late)
	}
	late := src.Late(49, []uint64{10, 49})
	if len(late) != 1 || late[0].ID != migrate.FilesLate || late[0].File != "000040_late.up.sql" || !strings.Contains(late[0].Text, "at version 49") {
		t.Errorf("%+v", late)
	}
}
