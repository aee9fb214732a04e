package release

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrations"
	"github.com/google/go-cmp/cmp"
)

func TestTheEmbeddedReleaseIsModeration(t *testing.T) {
	t.Parallel()
	r := Moderation()
	if r.Name != "moderation" || r.Floor != 10 || r.Target != 97 || r.Schema != "public" {
		t.Errorf("name %q, floor %d, target %d, schema %q", r.Name, r.Floor, r.Target, r.Schema)
	}
	if diff := cmp.Diff([]uint64{11, 49, 50, 69, 97}, r.Versions()); diff != "" {
		t.Error(diff)
	}
	if r.Messages.Proceed != "Moderation system migration may proceed." || r.Messages.Ready != "Moderation system is ready for use." {
		t.Errorf("messages %+v", r.Messages)
	}
	if r.Thresholds.LongTransaction != 5*time.Minute {
		t.Errorf("long transaction %s", r.Thresholds.LongTransaction)
	}
	tables := []string{
		"moderation_audit_logs", "moderation_queue", "moderation_decisions", "moderation_appeals",
		"forum_threads", "forum_replies", "moderation_actions", "user_bans", "content_flags",
	}
	if diff := cmp.Diff(tables, r.Tables()); diff != "" {
		t.Error(diff)
	}
}

func TestEveryMigrationOfTheReleaseIsAnEmbeddedFile(t *testing.T) {
	t.Parallel()
	for _, m := range Moderation().Migrations {
		for _, direction := range []string{"up", "down"} {
			if _, err := fs.Stat(migrations.FS, m.FileName(direction)); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestAnotherFeatureIsAnotherFile(t *testing.T) {
	t.Parallel()
	r, err := Load(filepath.Join("testdata", "favourites.yaml"))
	if err != nil {
		t.Fatal(ops.AsFailure(err).Detail, err)
	}
	if r.Name != "favourites" || !r.Owns(120) || r.Owns(97) || r.First() != 120 {
		t.Errorf("%+v", r)
	}
	if r.Probes[0].Since != 120 || r.Probes[0].Fatal() || r.Writes.Tests[0].Since != 120 {
		t.Errorf("what the file leaves unsaid is not settled: %+v %+v", r.Probes[0], r.Writes.Tests[0])
	}
	for _, direction := range []string{"up", "down"} {
		if _, err := os.Stat(filepath.Join("testdata", "favourites", r.Migrations[0].FileName(direction))); err != nil {
			t.Error(err)
		}
	}
}

func TestTablesAtMergesWhatEachVersionAdds(t *testing.T) {
	t.Parallel()
	r := Moderation()
	columns := func(version int64) map[string]int {
		got := map[string]int{}
		for _, s := range r.TablesAt(version) {
			got[s.Name] = len(s.Columns)
		}
		return got
	}
	want := map[string]int{"clip_submissions": 0, "moderation_audit_logs": 8, "moderation_queue": 14, "moderation_decisions": 7}
	for range 2 { // the second reading guards against merging into the shared release
		if diff := cmp.Diff(want, columns(49)); diff != "" {
			t.Error(diff)
		}
		if got := columns(97)["moderation_audit_logs"]; got != 13 {
			t.Errorf("%d columns at 97, want 13", got)
		}
	}
	if len(columns(10)) != 0 || len(columns(-1)) != 0 {
		t.Error("there are tables below the first version")
	}
}

func TestPendingIsWhatADatabaseLacks(t *testing.T) {
	t.Parallel()
	for version, want := range map[int64]int{-1: 5, 10: 5, 11: 4, 60: 2, 97: 0, 111: 0} {
		if got := len(Moderation().Pending(version)); got != want {
			t.Errorf("at %d: %d pending, want %d", version, got, want)
		}
	}
}

func TestMadeListsEveryObjectWithItsVersion(t *testing.T) {
	t.Parallel()
	versions := map[string]uint64{}
	for _, o := range Moderation().Made() {
		versions[o.String()] = o.Version
	}
	want := map[string]uint64{
		"table moderation_queue":                                    49,
		"column moderation_audit_logs.actor_id":                     97,
		"index moderation_queue.idx_modqueue_status_priority":       49,
		"constraint clip_submissions.check_rejection_reason_length": 11,
		"trigger forum_replies.trg_update_thread_reply_count":       69,
		"function update_moderation_appeals_resolved":               50,
	}
	for object, version := range want {
		if versions[object] != version {
			t.Errorf("%s is of version %d, want %d", object, versions[object], version)
		}
	}
	if _, made := versions["table clip_submissions"]; made {
		t.Error("a table that is only altered counts as made")
	}
}

func TestAFileThatCannotBeReadIsAUsageError(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "missing.yaml"))
	if !errors.Is(err, fs.ErrNotExist) || ops.CodeOf(err) != ops.ExitUsage {
		t.Errorf("%v, exit code %d", err, ops.CodeOf(err))
	}
	if _, err := Load(t.TempDir()); ops.CodeOf(err) != ops.ExitUsage {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Read(strings.NewReader(strings.Repeat("#", maxBytes+1))); err == nil || !strings.Contains(err.Error(), "mistake") {
		t.Errorf("a huge file: %v", err)
	}
}
