package bans_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/bans"
	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

// atOnce does n bans by the broadcaster at once, over these instances, and says how
// many ended with each code.
func (r *room) atOnce(n int, instances ...*bans.Service) map[problem.Code]int {
	r.t.Helper()
	by := r.is(channel)
	var mu sync.Mutex
	ended := map[problem.Code]int{}
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			err := instances[i%len(instances)].Do(r.t.Context(), by, origin, ban(fmt.Sprint(10_000+i)))
			var code problem.Code
			if p := problem.Of(err); p != nil {
				code = p.Code
				if code == problem.RateLimitExceeded && (p.Retry < time.Second || p.Retry > time.Hour) {
					r.t.Errorf("come back after %s", p.Retry)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			ended[code]++
		})
	}
	close(start)
	all.Wait()
	return ended
}

func (r *room) instances(n int) []*bans.Service {
	r.t.Helper()
	list := make([]*bans.Service, n)
	for i := range list {
		list[i], _ = r.instance()
	}
	return list
}

// TestTenOfFiftyPassOverSeveralInstances, also on a server whose transactions see by
// default what was there when they began.
func TestTenOfFiftyPassOverSeveralInstances(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "repeatable read"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			r.exec(fmt.Sprintf("ALTER DATABASE %s SET default_transaction_isolation = '%s'", pgx.Identifier{r.target.Database}.Sanitize(), isolation))
			ended := r.atOnce(50, r.instances(5)...)
			if ended[""] != 10 || ended[problem.RateLimitExceeded] != 40 {
				t.Errorf("it ended with %v", ended)
			}
			if r.fake.Applied() != 10 || r.used() != 10 {
				t.Errorf("Twitch did %d, %d are used", r.fake.Applied(), r.used())
			}
			if a, l := r.rows("applied", ""), r.rows("refused", string(problem.RateLimitExceeded)); a != 10 || l != 40 {
				t.Errorf("%d rows say applied, %d limited", a, l)
			}
		})
	}
}

// TestWhatTwitchWasAwayForDoesNotCount: fifty at once while it cannot be reached use
// none; when it is back ten pass.
func TestWhatTwitchWasAwayForDoesNotCount(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	away, _ := r.instance(func(c *twitch.Config) { c.URL = "http://127.0.0.1:1" }) // nobody is given that port meanwhile
	ended := r.atOnce(50, away)
	if ended[""] != 0 || ended[problem.TwitchAPIError]+ended[problem.RateLimitExceeded] != 50 || ended[problem.TwitchAPIError] < 10 {
		t.Errorf("while Twitch is away it ended with %v", ended)
	}
	if n := r.used(); n != 0 {
		t.Errorf("%d operations are used, and nothing was sent to Twitch", n)
	}
	ended = r.atOnce(50, r.instances(4)...)
	if ended[""] != 10 || ended[problem.RateLimitExceeded] != 40 {
		t.Errorf("when Twitch is back it ended with %v", ended)
	}
}

// TestWhatTwitchMayHaveDoneCounts: what is answered 503 is asked about. Where Twitch
// says that it was not done it does not count; where asking fails, too, it does.
func TestWhatTwitchMayHaveDoneCounts(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.fake.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: http.StatusServiceUnavailable, Route: banRoute})
	ended := r.atOnce(50, r.instances(4)...) // some are told that the breaker is open when they ask
	if ended[""] != 0 || ended[problem.TwitchAPIError] < 10 {
		t.Errorf("it ended with %v", ended)
	}
	uncertain := pgtest.QueryValue[int](t, r.target, "SELECT count(*)::int FROM moderation_audit_logs WHERE metadata->>'twitch' = 'uncertain'")
	if n := r.used(); n != uncertain {
		t.Errorf("%d are counted, of %d it is not known whether they were done", n, uncertain)
	}
	r.exec("DELETE FROM moderation_api.ban_operations")
	fresh := r.instances(1)[0]
	if err := fresh.Do(t.Context(), r.is(channel), origin, ban(viewer)); err == nil || r.used() != 0 {
		t.Errorf("%v: %d are counted, and Twitch said that it was not done", err, r.used())
	}
	r.fake.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: http.StatusServiceUnavailable, Route: bannedRoute})
	if err := fresh.Do(t.Context(), r.is(channel), origin, ban(viewer)); err == nil || r.used() != 1 {
		t.Errorf("%v: %d are counted, and nobody knows whether it was done", err, r.used())
	}
}

// TestOfTwoAtOnceOneIsGivenBack: the one that Twitch did stays counted.
func TestOfTwoAtOnceOneIsGivenBack(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	by := r.is(channel)
	let := r.hold(banRoute)
	var all sync.WaitGroup
	var done, failed atomic.Int32
	r.fake.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: http.StatusConflict, Route: banRoute, Times: 1})
	for i, s := range r.instances(2) {
		all.Go(func() {
			if err := s.Do(t.Context(), by, origin, ban(fmt.Sprint(10_000+i))); err == nil {
				done.Add(1)
			} else {
				failed.Add(1)
			}
		})
	}
	pgtest.Eventually(t, func() bool { return len(r.askedWith(banRoute)) == 2 }, "both are at it")
	if n := r.used(); n != 2 {
		t.Errorf("%d are counted while both are at it", n)
	}
	let()
	all.Wait()
	if done.Load() != 1 || failed.Load() != 1 || r.used() != 1 {
		t.Errorf("%d done, %d failed, %d counted", done.Load(), failed.Load(), r.used())
	}
}

// TestOneIsGivenBackOfTwoWithTheSameTime: a clock that is set back can give them one.
func TestOneIsGivenBackOfTwoWithTheSameTime(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	by, at := r.is(channel), time.Now().Truncate(time.Microsecond)
	r.exec("INSERT INTO moderation_api.ban_operations (user_id, at) SELECT $1, $2 FROM generate_series(1, 3)", by.ID, at)
	for _, left := range []int{2, 1} {
		bans.GiveBack(r.service, t.Context(), by.ID, at)
		if n := r.used(); n != left {
			t.Fatalf("%d are counted, want %d", n, left)
		}
	}
}

// TestNobodyElseIsLimited, and who waits long enough may again.
func TestNobodyElseIsLimited(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	if ended := r.atOnce(12, r.service); ended[""] != 10 {
		t.Errorf("it ended with %v", ended)
	}
	r.wants("", "the moderator", r.do(moderator, ban(viewer)))
	r.wants(problem.RateLimitExceeded, "the broadcaster", r.do(channel, ban(unknown)))
	r.exec(`UPDATE moderation_api.ban_operations SET at = at - interval '61 minutes' WHERE ctid = (SELECT min(ctid) FROM moderation_api.ban_operations WHERE user_id = $1)`, r.is(channel).ID)
	r.wants("", "the broadcaster, once one is an hour old", r.do(channel, ban(unknown)))
	r.wants(problem.RateLimitExceeded, "the broadcaster, a second time", r.do(channel, ban("6000")))
}
