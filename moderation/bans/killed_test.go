package bans_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/metrics"
	"github.com/clipper/clipperops/moderation/problem"
)

// What the child process is told; the key is in the environment, as it is in earnest.
const (
	childDatabase = "CLIPPEROPS_BANS_TEST_DATABASE"
	childKey      = "CLIPPEROPS_BANS_TEST_KEY"
	childTwitch   = "CLIPPEROPS_BANS_TEST_TWITCH"
	childUser     = "CLIPPEROPS_BANS_TEST_USER"
)

// TestChild is no test: it is the instance that another test kills in mid-ban.
func TestChild(t *testing.T) {
	dsn := os.Getenv(childDatabase)
	if dsn == "" {
		return
	}
	r := &room{t: t, dsn: dsn, key: os.Getenv(childKey), url: os.Getenv(childTwitch), metrics: metrics.New(), now: time.Now()}
	service, _ := r.instance()
	by := identity.User{ID: uuid.MustParse(os.Getenv(childUser)), Role: identity.RoleUser, TwitchID: moderator}
	t.Error("the ban was answered: ", service.Do(t.Context(), by, origin, ban(viewer)))
}

// killInMidBan starts an instance that bans the viewer as the moderator, and kills it
// once Twitch has been asked.
func (r *room) killInMidBan() {
	r.t.Helper()
	program, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	child := exec.Command(program, "-test.run=^TestChild$")
	child.Env = append(os.Environ(), childDatabase+"="+r.dsn, childKey+"="+r.key, childTwitch+"="+r.url, childUser+"="+r.is(moderator).ID.String())
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		r.t.Fatal(err)
	}
	killed := false
	kill := func() {
		if !killed {
			killed = true
			_ = child.Process.Kill()
			_ = child.Wait()
		}
	}
	r.t.Cleanup(kill)
	pgtest.Eventually(r.t, func() bool { return len(r.askedWith(banRoute)) == 1 }, "the child has asked Twitch")
	kill()
}

// TestAnInstanceThatIsKilledInMidBan leaves the row that it was attempted, which the
// log's readers see as that for good; it counts for the limit; and the next one to try
// is told what Twitch says, whether or not the first was done.
func TestAnInstanceThatIsKilledInMidBan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		held    string
		applied int
		next    problem.Code
	}{
		"before Twitch has it": {banRoute, 0, ""},
		"after Twitch did it":  {"answer to " + banRoute, 1, problem.TwitchAPIError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			let := r.hold(c.held)
			r.killInMidBan()
			pgtest.Eventually(t, func() bool { return r.left.Load() == 1 }, "Twitch sees that it is gone")
			let()
			if n := r.fake.Applied(); n != c.applied {
				t.Fatalf("Twitch has done %d", n)
			}
			log := auditlog.New(r.pool, nil, nil)
			read := func() []auditlog.Row {
				t.Helper()
				rows, err := log.List(t.Context(), auditlog.Filter{Action: auditlog.TwitchBan, Actor: r.is(moderator).ID}, nil, 10)
				if err != nil {
					t.Fatal(err)
				}
				return rows
			}
			rows := read()
			if len(rows) != 1 {
				t.Fatalf("the log has %d rows of it", len(rows))
			}
			row := rows[0]
			if m := row.Metadata; m["outcome"] != "attempted" || m["request_id"] != origin.RequestID || m["twitch_user_id"] != viewer || m["twitch_broadcaster_id"] != channel ||
				row.EntityID != r.is(viewer).ID || *row.Reason != "spam" {
				t.Errorf("the row says %+v", row)
			}
			if n := r.used(); n != 1 {
				t.Errorf("%d operations are counted", n)
			}
			r.wants(c.next, "the next", r.do(moderator, ban(viewer)))
			if c.next != "" {
				if p := problem.Of(r.do(moderator, ban(viewer))); p == nil || p.Detail != "the user is banned already" {
					t.Errorf("the next is told %v", p)
				}
			}
			if n := len(r.fake.Bans()); n != 1 {
				t.Errorf("%d bans stand", n)
			}
			rows = read()
			if last := rows[len(rows)-1]; last.ID != row.ID || last.Metadata["outcome"] != "attempted" {
				t.Errorf("afterwards the first row says %+v", last)
			}
			if len(rows) < 2 || rows[0].Metadata["outcome"] == "attempted" {
				t.Errorf("of %d rows the newest says %v", len(rows), rows[0].Metadata)
			}
		})
	}
}
