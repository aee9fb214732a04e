package moderation_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	"github.com/clipper/clipperops/internal/pgtest"
)

// chromiums is what Chromium is called; the Makefile has the same names.
var chromiums = []string{"chromium", "chromium-browser", "google-chrome"}

// tab is a tab of a real browser that runs no page's script.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// chromium starts a browser of the test's own. It talks to the test over a pipe and
// listens nowhere; it is gone when the test ends.
func chromium(t *testing.T) *tab {
	t.Helper()
	program := ""
	for _, name := range chromiums {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Fatalf("no Chromium for this test: none of %s is in PATH\n    next: make chromium", strings.Join(chromiums, ", "))
	}
	home := t.TempDir()
	attributes := &syscall.SysProcAttr{Setsid: true, Credential: unprivileged(t, home)}
	var started *exec.Cmd
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(filepath.Join(home, "profile")),
		// A container may not let it make a sandbox of its own. It sees this test's pages alone.
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("no-proxy-server", true),
		chromedp.Env("HOME="+home, "TMPDIR="+home, "XDG_RUNTIME_DIR="+home, "DBUS_SESSION_BUS_ADDRESS=unix:path=/dev/null"),
		chromedp.ModifyCmdFunc(func(c *exec.Cmd) { c.SysProcAttr, started = attributes, c }))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, leave := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := chromedp.Cancel(bounded); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Chromium did not end: %v", err)
		}
		leave()
		stop()
		if started != nil && started.Process != nil {
			_ = syscall.Kill(-started.Process.Pid, syscall.SIGKILL) // what of its children is left in its session
		}
		pgtest.Eventually(t, func() bool { return os.RemoveAll(home) == nil }, "nobody writes into the profile any more")
	})
	bounded, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	b := &tab{t, ctx}
	// The first command starts the browser, which would end with the context of that command.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium (%s) did not start: %v", program, err)
	}
	b.ctx = bounded
	b.call(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	return b
}

// unprivileged is whom the browser runs as when the tests run as root, which owns home
// then; nil when it runs as the tests do.
func unprivileged(t *testing.T, home string) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.Atoi(nobody.Gid)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chown(home, uid, gid), os.Chmod(filepath.Dir(home), 0o711)); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// call does something in the tab.
func (b *tab) call(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// signIn gives the tab the session of this user.
func (b *tab) signIn(url string, as uuid.UUID) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, network.SetCookie, network.SetCookieParams{
		Name: "clipper_session", Value: strings.TrimPrefix(bearer(as), "Bearer "), URL: url, HTTPOnly: new(true), SameSite: network.CookieSameSiteLax,
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// goes does steps that lead to another page, and waits until it is there.
func (b *tab) goes(status int64, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	response, err := chromedp.RunResponse(b.ctx, steps...)
	if err != nil {
		b.t.Fatal(err)
	}
	if response.Status != status {
		b.t.Fatalf("%s is answered %d, want %d: %s", response.URL, response.Status, status, b.text("main"))
	}
}

// text is what a person reads in an element.
func (b *tab) text(selector string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.Join(strings.Fields(text), " ")
}

// ask asks the browser; this is not the page's script, and runs all the same.
func ask[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}
