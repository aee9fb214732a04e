package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/tokens"
)

// TestMain lets the tests start this program as processes of their own.
func TestMain(m *testing.M) {
	if os.Getenv("MODERATION_API_CHILD") != "" {
		main()
	}
	os.Exit(m.Run())
}

// run runs the program to its end.
func run(t *testing.T, env []string, args ...string) (code int, out, errors string) {
	t.Helper()
	var o, e bytes.Buffer
	cmd := child(t.Context(), env, args...)
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

func child(ctx context.Context, env []string, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append([]string{"MODERATION_API_CHILD=1", "PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GORACE=atexit_sleep_ms=0"}, env...)
	return cmd
}

func serving(target config.Target, more ...string) []string {
	return append([]string{
		"DATABASE_URL=" + target.URL().Reveal(), "JWT_SECRET=0123456789abcdef0123456789abcdef", "JWT_AUDIENCE=clipper", "TWITCH_CLIENT_ID=client",
		"TWITCH_URL=http://127.0.0.1:9/helix", "TWITCH_AUTH_URL=http://127.0.0.1:9/oauth2", "TOKEN_KEY=" + tokens.Random(),
		"MODERATION_ADDR=127.0.0.1:0", "SHUTDOWN_DELAY=1ms",
	}, more...)
}

// instance is one that runs.
type instance struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	mu   sync.Mutex
	text bytes.Buffer
}

func (i *instance) Write(p []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.text.Write(p)
}

func (i *instance) said() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.text.String()
}

// begin starts an instance and waits until it listens.
func begin(t *testing.T, env []string, args ...string) *instance {
	t.Helper()
	i := &instance{t: t, cmd: child(context.WithoutCancel(t.Context()), env, args...)}
	i.cmd.Stdout, i.cmd.Stderr = i, i
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.cmd.Process.Kill(); _ = i.cmd.Wait() })
	pgtest.Eventually(t, func() bool {
		for line := range strings.Lines(i.said()) {
			var l struct{ Msg, API string }
			if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "listening" {
				i.url = "http://" + l.API
				return true
			}
		}
		return false
	}, "the instance listens")
	return i
}

func (i *instance) status(method, path string) int {
	r, err := http.NewRequestWithContext(i.t.Context(), method, i.url+path, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

// TestMistakesAreUsage: exit 2, one line each, and nothing of a secret.
func TestMistakesAreUsage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"no settings":        {nil, nil, "JWT_AUDIENCE is not set"},
		"an unknown command": {nil, []string{"nonsense"}, `there is no command "nonsense"`},
		"an unknown flag":    {nil, []string{"serve", "--nonsense"}, "nonsense"},
		"a leftover word":    {nil, []string{"serve", "now"}, `takes no arguments, but there is "now"`},
		"maintenance maybe":  {nil, []string{"maintenance", "maybe"}, "on, off or status"},
		"maintenance in env": {nil, []string{"maintenance", "on"}, "cannot be switched in env"},
		"a junk flag":        {[]string{"FEATURE_TWITCH_MODERATION=maybe"}, []string{"maintenance", "status"}, "allowed are true and false"},
		"a short secret":     {serving(config.Target{Host: "h", Port: 1, Database: "d"}, "JWT_SECRET=s3cret"), nil, "at least 32"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, errors := run(t, c.env, c.args...)
			if code == 0 || code > exitUsage || out != "" || !strings.Contains(errors, c.want) || strings.Contains(errors, "s3cret") {
				t.Errorf("exit %d, stdout %q, stderr %q", code, out, errors)
			}
		})
	}
}

// TestWhatNeedsNoSettings: the version, the help and the API's description.
func TestWhatNeedsNoSettings(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{"version": "moderation-api dev", "help": "maintenance on|off|status", "openapi": "openapi: 3.1.0"} {
		if code, out, errors := run(t, nil, command); code != exitDone || !strings.Contains(out, want) || errors != "" {
			t.Errorf("%s: exit %d, %q %q", command, code, out, errors)
		}
	}
}

// TestFromSetupToStop: the life of an instance as its operators see it, with a role
// that is not a superuser.
func TestFromSetupToStop(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole())
	env := serving(target, "FEATURE_STORE=postgres")
	if code, _, errors := run(t, env, "serve"); code != exitFailed || !strings.Contains(errors, "moderation-api setup") {
		t.Errorf("serving before setup: exit %d, %s", code, errors)
	}
	for range 2 { // it can be run again
		if code, out, errors := run(t, env, "setup"); code != exitDone || !strings.Contains(out, "moderation_api") {
			t.Fatalf("setup: exit %d, %s%s", code, out, errors)
		}
	}
	one, two := begin(t, env), begin(t, env, "--addr", "localhost:0")
	pgtest.Eventually(t, func() bool { return one.status("GET", "/ready") == 200 && two.status("GET", "/ready") == 200 }, "both are ready")
	if got := one.status("GET", "/metrics"); got != 200 {
		t.Errorf("metrics: %d", got)
	}
	health := append(env, "MODERATION_ADDR="+strings.TrimPrefix(one.url, "http://"))
	if code, _, errors := run(t, health, "healthcheck"); code != exitDone {
		t.Errorf("healthcheck: exit %d, %s", code, errors)
	}

	// Maintenance reaches both instances; the API itself says so.
	if code, out, errors := run(t, env, "maintenance", "on"); code != exitDone || !strings.Contains(out, "maintenance is on") {
		t.Fatalf("exit %d, %s%s", code, out, errors)
	}
	off := func(i *instance) bool { return i.status("POST", "/api/moderation/queue") == 503 }
	pgtest.Eventually(t, func() bool { return off(one) && off(two) }, "writes are off on both")
	if got := one.status("GET", "/health"); got != 200 {
		t.Errorf("health under maintenance: %d", got)
	}
	if _, out, _ := run(t, env, "maintenance", "status"); !strings.Contains(out, "is on") {
		t.Errorf("status: %s", out)
	}
	if code, _, errors := run(t, env, "maintenance", "off"); code != exitDone {
		t.Errorf("exit %d, %s", code, errors)
	}
	pgtest.Eventually(t, func() bool {
		return one.status("POST", "/api/moderation/queue") == 401 && two.status("POST", "/api/moderation/queue") == 401
	}, "writes are on")

	if err := one.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := one.cmd.Wait(); err != nil || !strings.Contains(one.said(), "every accepted request was answered") {
		t.Errorf("stopped with %v:\n%s", err, one.said())
	}
	if code, _, _ := run(t, health, "healthcheck"); code != exitFailed {
		t.Errorf("healthcheck of an instance that is gone: exit %d", code)
	}
	if strings.Contains(one.said()+two.said(), target.Password.Reveal()) && target.Password.Reveal() != "" {
		t.Error("the password is in the log")
	}
}

// TestMaintenanceByItsOwnName: /app/maintenance in the image, with a file of flags.
func TestMaintenanceByItsOwnName(t *testing.T) {
	t.Parallel()
	for store, content := range map[string]string{"envfile": "DB_HOST=db\n", "flagd": `{"flags": {}}`} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "flags.json")
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			target := pgtest.New(t, pgtest.WithModeration())
			instance := begin(t, serving(target, "FEATURE_STORE="+store, "FEATURE_FILE="+file))
			cmd := child(t.Context(), []string{"FEATURE_STORE=" + store, "FEATURE_FILE=" + file}, "on")
			cmd.Args[0] = "/app/maintenance"
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "maintenance is on") {
				t.Fatalf("%v: %s", err, out)
			}
			pgtest.Eventually(t, func() bool { return instance.status("POST", "/api/moderation/queue") == 503 }, "writes are off")
		})
	}
}

// TestTheDatabaseMayComeLater: an instance that starts without its database serves
// as soon as it is there. The flags are in a file, so that it can start.
func TestTheDatabaseMayComeLater(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithModeration())
	pgtest.Exec(t, target.WithDatabase("postgres"), "ALTER DATABASE "+target.Database+" ALLOW_CONNECTIONS false")
	instance := begin(t, serving(target))
	if got := instance.status("GET", "/ready"); got != 503 {
		t.Errorf("ready without a database: %d", got)
	}
	pgtest.Exec(t, target.WithDatabase("postgres"), "ALTER DATABASE "+target.Database+" ALLOW_CONNECTIONS true")
	if code, _, errors := run(t, serving(target), "setup"); code != exitDone {
		t.Fatal(errors)
	}
	started := time.Now()
	// The first round over the sessions failed with the database; the next one comes
	// within a minute and a quarter.
	pgtest.Eventually(t, func() bool { return instance.status("GET", "/ready") == 200 }, "ready")
	t.Logf("ready after %s", time.Since(started))
}
