package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrations"
)

// writeChain writes the embedded migrations into a directory, those whose names
// match a pattern.
func writeChain(dir, pattern string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	names, err := fs.Glob(migrations.FS, pattern)
	if err != nil {
		return err
	}
	for _, name := range names {
		body, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// chain writes the embedded migrations, as golang-migrate's command and --path
// read them, and more beside them: what name creates, a table, is its whole body.
func (p *program) chain(foreign ...string) string {
	p.t.Helper()
	dir := p.path("chain")
	if err := writeChain(dir, "*.sql"); err != nil {
		p.t.Fatal(err)
	}
	for _, file := range foreign {
		_, table, _ := strings.Cut(file, "_")
		p.write(filepath.Join(dir, file+".up.sql"), "CREATE TABLE "+table+" (n int);\n")
		p.write(filepath.Join(dir, file+".down.sql"), "DROP TABLE "+table+";\n")
	}
	return dir
}

func (p *program) write(path, content string) {
	p.t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// favourites copies the second release: its file, and its chain after the
// baseline.
func (p *program) favourites() (release, dir string) {
	p.t.Helper()
	from := filepath.Join("..", "..", "release", "testdata")
	release, dir = p.path("favourites.yaml"), p.path("favourites")
	if err := writeChain(dir, "000010_*"); err != nil {
		p.t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(from, "favourites", "*.sql"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, file := range append(files, filepath.Join(from, "favourites.yaml")) {
		body, err := os.ReadFile(file)
		if err != nil {
			p.t.Fatal(err)
		}
		to := release
		if strings.HasSuffix(file, ".sql") {
			to = filepath.Join(dir, filepath.Base(file))
		}
		p.write(to, string(body))
	}
	return release, dir
}

// replace rewrites a part of a file, which must be there.
func (p *program) replace(path, from, to string) {
	p.t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	if !strings.Contains(string(body), from) {
		p.t.Fatalf("%s has no %q", path, from)
	}
	p.write(path, strings.Replace(string(body), from, to, 1))
}

// tables are those of schema public, sorted.
func (p *program) tables() []string {
	p.t.Helper()
	return pgtest.QueryColumn[string](p.t, p.target, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
}

// TestFilesOfOthersAreAppliedInOrderAndMarked: a directory with the whole chain
// of a product has files that are not the release's.
func TestFilesOfOthersAreAppliedInOrderAndMarked(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	path := " --path " + p.chain("000012_playlists", "000060_badges", "000100_polls")

	p.wants(ops.ExitDone, "migrate --dry-run"+path, "10 → 97", "7 files", "2 not of this release",
		`000012 playlists .*\(not of this release\)`, `000060 badges .*\(not of this release\)`)
	text := p.wants(ops.ExitDone, "migrate --skip-backup"+path, "000011 .*000012 .*000049 .*000050 .*000060 .*000069 .*000097", "Moderation system is ready")
	if strings.Contains(text, "000100") {
		t.Errorf("a file past the release's last is in it:\n%s", text)
	}
	p.wantVersion(97)
	p.wants(ops.ExitDone, "migrate --target 100 --skip-backup"+path, "97 → 100", "1 not of this release")
	before := p.tables()

	// Back again they are refused, each one named, unless they are allowed.
	for _, args := range []string{"rollback --target 10", "rollback --target 10 --dry-run", "rollback --target 97"} {
		p.wants(ops.ExitRefused, args+path, "000100", "polls", "--allow-foreign", "nothing was (changed|touched)")
	}
	p.wants(ops.ExitRefused, "rollback --target 10"+path, "000012", "playlists", "000060", "badges")
	p.wantVersion(100)
	if after := p.tables(); strings.Join(after, " ") != strings.Join(before, " ") {
		t.Errorf("tables %v, before %v", after, before)
	}
	p.wants(ops.ExitDone, "rollback --target 69 --allow-foreign"+path, "100 → 69", "1 not of this release", "Rolled back to version 69")
	p.wants(ops.ExitRefused, "rollback --target 12"+path, "000060")
	p.wants(ops.ExitDone, "rollback --target 60 --skip-backup"+path, "69 → 60") // 000069 is the release's own
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup --allow-foreign"+path, "Rolled back to version 10")
	p.wantVersion(10)
}

// TestADatabasePastTheReleaseIsLeftAlone guards against golang-migrate's goto,
// which takes a database at 111 back to 97 and reports success.
func TestADatabasePastTheReleaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole()))
	path := " --path " + p.chain("000100_polls", "000111_raffles")
	p.wants(ops.ExitDone, "migrate --target 111 --skip-backup"+path, "97 → 111")
	before := p.tables()
	for _, args := range []string{"migrate", "migrate --target 97", "migrate --target 100", "migrate --target 11", "migrate --dry-run --target 97"} {
		p.wants(ops.ExitDone, args+path, "nothing to do", "version 111", "never goes down")
	}
	p.wantVersion(111)
	if after := p.tables(); strings.Join(after, " ") != strings.Join(before, " ") {
		t.Errorf("tables %v, before %v", after, before)
	}
	p.wants(ops.ExitDone, "migrate status"+path, "version 111, clean", "nothing is pending")
	p.wants(ops.ExitDone, "validate"+path, "All validation checks passed!")
	p.wants(ops.ExitDone, "preflight"+path, "version 111")
}

// TestALateFileIsNamed guards against golang-migrate, which never runs a file
// that comes later with a lower number, and says nothing.
func TestALateFileIsNamed(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	dir := p.chain()
	p.wants(ops.ExitDone, "migrate --skip-backup --path "+dir)
	p.write(filepath.Join(dir, "000055_late.up.sql"), "CREATE TABLE late (n int);\n")
	p.write(filepath.Join(dir, "000055_late.down.sql"), "DROP TABLE late;\n")
	p.write(filepath.Join(dir, "000098_next.up.sql"), "CREATE TABLE next (n int);\n")
	p.write(filepath.Join(dir, "000098_next.down.sql"), "DROP TABLE next;\n")
	p.wants(ops.ExitChecks, "preflight --path "+dir, "files.late", "000055_late.up.sql")
	p.wants(ops.ExitChecks, "migrate --target 98 --path "+dir, "files.late", "000055_late.up.sql", "nothing was changed")
	p.wantVersion(97)
}

// TestAnEmptyDatabaseIsMigratedFromTheFirstFile: what the files of the plan make
// themselves is not missing.
func TestAnEmptyDatabaseIsMigratedFromTheFirstFile(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.AsRole()))
	p.wants(ops.ExitDone, "migrate status", "no version", "6 files")
	p.wants(ops.ExitDone, "preflight", "Moderation system migration may proceed.")
	p.wants(ops.ExitDone, "migrate --dry-run", "none → 97", "000010")
	p.wants(ops.ExitDone, "validate", "not applied")
	p.wants(ops.ExitDone, "migrate", "000010 clipper_base", "Moderation system is ready for use.")
	p.wantVersion(97)
	p.wants(ops.ExitDone, "rollback --target 10", "Rolled back to version 10")
	p.wants(ops.ExitRefused, "rollback --target 0", "below 10", "nothing was touched")
	p.wantVersion(10)
}

// TestStatusSaysWhereTheDatabaseStands at each place it can stand.
func TestStatusSaysWhereTheDatabaseStands(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	p.wants(ops.ExitDone, "migrate --target 49 --skip-backup", "10 → 49")
	p.wants(ops.ExitDone, "migrate status", "version 49, clean", "3 files of the embedded set pending", "000050_add_moderation_appeals.up.sql")
	p.wants(ops.ExitDone, "validate", "3 of 5 migrations are missing")
	if d := p.wantsDocument(ops.ExitDone, "migrate status"); !strings.Contains(string(d.Data), `"version": 49`) {
		t.Errorf("data %s", d.Data)
	}
	p.wants(ops.ExitDone, "migrate --skip-backup", "49 → 97")
	p.wants(ops.ExitDone, "migrate status", "version 97, clean", "nothing is pending")
	pgtest.Exec(t, p.target, "UPDATE schema_migrations SET dirty = true")
	p.wants(ops.ExitDone, "migrate status", "97, dirty")
	p.wants(ops.ExitRefused, "migrate --target 98 --path "+p.chain("000098_next"), "dirty", "nothing was (changed|touched)")
	p.wants(ops.ExitRefused, "rollback --target 10", "dirty", "nothing was (changed|touched)")
}

// TestAnotherReleaseIsAnotherFile ships favourites with the same program.
func TestAnotherReleaseIsAnotherFile(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	release, dir := p.favourites()
	chosen := " --release " + release + " --path " + dir
	p.wants(ops.ExitDone, "preflight"+chosen, "Favourites migration may proceed.")
	p.wants(ops.ExitDone, "migrate"+chosen, "10 → 120", "All validation checks passed!", "Favourites are ready for use.",
		`undo with: clipperops rollback --target 10 --env staging --path \S+ --release \S+`)
	p.wants(ops.ExitDone, "validate"+chosen, "Favourites are ready for use.")
	p.wants(ops.ExitDone, "migrate status"+chosen, "version 120, clean")
	pgtest.Exec(t, p.target, "INSERT INTO favourites (user_id, clip_id) SELECT u.id, c.id FROM (SELECT id FROM users LIMIT 1) u, (SELECT id FROM clips LIMIT 2) c")
	p.wants(ops.ExitDone, "rollback --target 10"+chosen, "favourites 2 rows", "Nothing is lost: every row that went is in")
	p.wantVersion(10)
	p.wants(ops.ExitDone, "validate"+chosen, "The favourites release is not applied")

	// A promise of the release that the database does not keep is a failed check.
	p.wants(ops.ExitDone, "migrate --skip-backup"+chosen)
	pgtest.Exec(t, p.target, "DROP INDEX idx_favourites_order")
	p.wants(ops.ExitChecks, "validate"+chosen, "idx_favourites_order", "Validation checks failed!")
}
