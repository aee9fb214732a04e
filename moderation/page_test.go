package moderation_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation"
)

// seenIn lets a user be seen in the broadcaster's channel, by a comment.
func (s *service) seenIn(username, name, twitchID string) uuid.UUID {
	s.t.Helper()
	channel := s.twitchID(s.broadcaster)
	pgtest.Exec(s.t, s.target, `INSERT INTO clips (twitch_clip_id, twitch_clip_url, embed_url, title, creator_name, creator_id, broadcaster_name, broadcaster_id, created_at)
		VALUES ($1::text, 'x', 'x', 't', 'c', '1', 'The Streamer', $2, now())`, "page-"+twitchID, channel)
	id := pgtest.QueryValue[string](s.t, s.target, `INSERT INTO users (twitch_id, username, display_name) VALUES ($1, $2, $3) RETURNING id::text`, twitchID, username, name)
	pgtest.Exec(s.t, s.target, `INSERT INTO comments (clip_id, user_id, content) SELECT id, $1, 'x' FROM clips WHERE twitch_clip_id = $2`, id, "page-"+twitchID)
	return uuid.MustParse(id)
}

// users is the address of the broadcaster's page.
func (s *service) users() string {
	return s.url + "/moderation/users?broadcaster_id=" + s.twitchID(s.broadcaster)
}

// control is the selector of a user's button.
func control(twitchID, action string) chromedp.CSS {
	return chromedp.CSS(fmt.Sprintf(`form:has(input[name="user_id"][value="%s"]) button[value="%s"]`, twitchID, action))
}

// open opens a user's controls.
func open(twitchID string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(fmt.Sprintf(`details:has(input[name="user_id"][value="%s"]) summary`, twitchID)))
}

// TestTheBroadcasterModeratesInABrowser that runs no script: a timeout, a ban, an
// unban, each on Twitch and in the list.
func TestTheBroadcasterModeratesInABrowser(t *testing.T) {
	t.Parallel()
	s := start(t, pgtest.New(t, pgtest.WithModeration()))
	const viewer = "700000004"
	id := s.seenIn("viewer", "A Viewer", viewer)
	b := chromium(t)

	script := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `<!doctype html><title>quiet</title><script>document.title = "loud"</script>`)
	}))
	t.Cleanup(script.Close)
	b.goes(200, chromedp.Navigate(script.URL))
	if title := ask[string](b, "document.title"); title != "quiet" {
		t.Fatalf("the browser runs scripts: %s", title)
	}

	b.goes(401, chromedp.Navigate(s.users()))
	b.signIn(s.url, s.broadcaster)
	b.goes(200, chromedp.Navigate(s.users()))
	if h := b.text("h1"); !strings.HasPrefix(h, "Users of") {
		t.Errorf("the heading is %q", h)
	}
	b.goes(200, open(viewer), chromedp.SendKeys(chromedp.CSS("#reason-"+id.String()), "be nice"),
		chromedp.SetValue(chromedp.CSS("#duration-"+id.String()), "3600"), chromedp.Click(control(viewer, "timeout")))
	if n := b.text("[role=status]"); n != "A Viewer is timed out for 1 hour." {
		t.Errorf("the page says %q", n)
	}
	if focused := ask[string](b, "document.activeElement.className"); focused != "notice" {
		t.Errorf("what was done has not the focus, but %q", focused)
	}
	if bans := s.helix.Bans(); len(bans) != 1 || bans[0].EndTime == nil || bans[0].Reason != "be nice" || bans[0].UserID != viewer {
		t.Errorf("Twitch has %+v", bans)
	}
	b.goes(200, open(viewer), chromedp.Click(control(viewer, "ban")))
	if n := b.text("[role=status]"); n != "A Viewer is banned for good." {
		t.Errorf("the page says %q", n)
	}
	if bans := s.helix.Bans(); len(bans) != 1 || bans[0].EndTime != nil {
		t.Errorf("Twitch has %+v", bans)
	}
	b.goes(200, open(viewer), chromedp.Click(control(viewer, "unban")))
	if n := b.text("[role=status]"); n != "A Viewer is unbanned." {
		t.Errorf("the page says %q", n)
	}
	if bans := s.helix.Bans(); len(bans) != 0 {
		t.Errorf("Twitch has %+v", bans)
	}

	// Enter in the reason does what is least: a timeout.
	b.goes(200, open(viewer), chromedp.SendKeys(chromedp.CSS("#reason-"+id.String()), "\r"))
	if bans := s.helix.Bans(); len(bans) != 1 || bans[0].EndTime == nil {
		t.Errorf("Enter in the reason leaves Twitch with %+v", bans)
	}

	// Whoever the flag is off for finds no control in the document.
	const controls = `document.querySelectorAll("form[method=post], details, button[name], input[name=token], input[name=user_id]").length`
	if n := ask[int](b, controls); n == 0 {
		t.Error("there are no controls to lose")
	}
	s.flags.set(t, moderation.FlagTwitch, false)
	pgtest.Eventually(t, func() bool {
		b.goes(200, chromedp.Navigate(s.users()))
		return ask[int](b, controls) == 0
	}, "the controls are gone when the flag is off")
	if rows := ask[int](b, `document.querySelectorAll("tbody tr").length`); rows != 1 {
		t.Errorf("the list has %d users", rows)
	}
	if wide := ask[int](b, `document.querySelectorAll("thead th").length`); wide != 2 {
		t.Errorf("the list has %d columns", wide)
	}
}

// TestThePageOnAPhone: at 360 pixels nothing is wider than the screen, whatever users
// call themselves, and the keyboard shows where it is.
func TestThePageOnAPhone(t *testing.T) {
	t.Parallel()
	s := start(t, pgtest.New(t, pgtest.WithModeration()))
	s.seenIn(strings.Repeat("w", 50), strings.Repeat("W", 100), "700000001")
	s.seenIn("short", "Short", "700000002")
	s.seenIn("words", strings.Repeat("many words ", 9), "700000003")
	pgtest.Exec(t, s.target, "UPDATE users SET display_name = $1 WHERE id = $2", strings.Repeat("Streamer", 12), s.broadcaster)
	b := chromium(t)
	b.call(chromedp.EmulateViewport(360, 740))
	b.signIn(s.url, s.broadcaster)
	fits := func(what string) {
		t.Helper()
		if wide := ask[int](b, "document.documentElement.scrollWidth"); wide > 360 {
			t.Errorf("%s is %d pixels wide", what, wide)
		}
		for _, out := range ask[[]string](b, `[...document.querySelectorAll("main *:not(.quiet)")]
			.filter(e => !e.closest("thead") && (e.getBoundingClientRect().right > 360 || e.getBoundingClientRect().left < 0))
			.map(e => e.outerHTML.slice(0, 200))`) {
			t.Errorf("%s: this is outside: %s", what, out)
		}
	}
	b.goes(200, chromedp.Navigate(s.users()))
	if shown := ask[bool](b, `getComputedStyle(document.querySelector("main")).maxWidth != "none"`); !shown {
		t.Fatal("the stylesheet is not applied")
	}
	fits("the list")
	for _, id := range []string{"700000001", "700000002", "700000003"} {
		b.call(open(id))
	}
	fits("the list with all controls open")
	if small := ask[[]string](b, `[...document.querySelectorAll("button, select, input:not([type=hidden])")]
		.filter(e => e.getBoundingClientRect().height < 24 || e.getBoundingClientRect().width < 24).map(e => e.outerHTML)`); len(small) != 0 {
		t.Errorf("too small for a finger: %q", small)
	}
	b.call(chromedp.Focus(chromedp.CSS("#q")), chromedp.KeyEvent("\t"))
	if outline := ask[string](b, "getComputedStyle(document.activeElement).outlineStyle"); outline != "solid" {
		t.Errorf("the keyboard's place has an outline that is %q", outline)
	}
	b.goes(200, chromedp.Click(control("700000001", "ban")))
	fits("the notice")
	b.signIn(s.url, s.user)
	b.goes(403, chromedp.Navigate(s.users()))
	fits("a refusal")
}
