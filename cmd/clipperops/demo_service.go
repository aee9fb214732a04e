package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// demoPrograms is where the demo looks for the programs it starts, when they are not
// beside clipperops itself.
const demoPrograms = "CLIPPEROPS_DEMO_PROGRAMS"

const (
	// demoPatience is how long a program may take to start, or to end.
	demoPatience = 20 * time.Second
	// demoAudience and demoSessions are what the demo's sessions are made for and with.
	demoAudience = "clipper-demo"
	// demoInstances is how many instances of the service run.
	demoInstances = 2
)

// service is the moderation API, with a stand-in for Twitch, as child processes.
type service struct {
	twitch    string
	instances []string
	secret    string
	children  []*exec.Cmd
}

// programs finds the two that the demo starts; "" where they are not there.
func (d *demo) programs() (api, twitch string) {
	folder := d.process.getenv(demoPrograms)
	if folder == "" {
		self, err := os.Executable()
		if err != nil {
			return "", ""
		}
		folder = filepath.Dir(self)
	}
	api, twitch = filepath.Join(folder, "moderation-api"), filepath.Join(folder, "fake-twitch")
	for _, path := range []string{api, twitch} {
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			return "", ""
		}
	}
	return api, twitch
}

// startService starts everything on the sandbox's database. sessions is a file of the
// people's sessions at Twitch, for which the service is told where it lies.
func (d *demo) startService(ctx context.Context, api, twitch, sessions string) (*service, error) {
	s := &service{secret: random()}
	at, err := s.start(ctx, twitch, nil, func(line string) string {
		at, _ := strings.CutPrefix(line, "listening ")
		return at
	})
	if err != nil {
		return s, err
	}
	s.twitch = at
	environ := []string{
		"DATABASE_URL=" + d.sandbox.Target.URL().Reveal(), "JWT_SECRET=" + s.secret, "JWT_AUDIENCE=" + demoAudience, "TWITCH_CLIENT_ID=client",
		"TWITCH_URL=" + s.twitch + "/helix", "TWITCH_AUTH_URL=" + s.twitch + "/oauth2", "TWITCH_DEV_TOKENS=" + sessions,
		"MODERATION_ADDR=127.0.0.1:0", "FEATURE_STORE=postgres", "SHUTDOWN_DELAY=1ms",
	}
	setup := exec.CommandContext(ctx, api, "setup")
	setup.Env = environ
	if out, err := setup.CombinedOutput(); err != nil {
		return s, fmt.Errorf("moderation-api setup: %w: %s", err, out)
	}
	for range demoInstances {
		at, err := s.start(ctx, api, environ, listeningAt, "serve")
		if err != nil {
			return s, err
		}
		s.instances = append(s.instances, "http://"+at)
	}
	return s, nil
}

// listeningAt is the address in a line of the service's log.
func listeningAt(line string) string {
	var l struct{ Msg, API string }
	if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "listening" {
		return l.API
	}
	return ""
}

// start starts a program and waits until a line of it says where it listens.
func (s *service) start(ctx context.Context, program string, environ []string, address func(line string) string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = environ
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = demoPatience
	out, in, err := os.Pipe()
	if err != nil {
		return "", err
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	_ = in.Close() // the child has its own
	if err != nil {
		_ = out.Close()
		return "", err
	}
	s.children = append(s.children, cmd)
	found := make(chan string, 1)
	go func() {
		defer out.Close() //nolint:errcheck // only read
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if at := address(lines.Text()); at != "" {
				found <- at
				_, _ = io.Copy(io.Discard, out)
				return
			}
		}
		close(found)
	}()
	select {
	case at, ok := <-found:
		if !ok {
			return "", fmt.Errorf("%s did not start", filepath.Base(program))
		}
		return at, nil
	case <-time.After(demoPatience):
		return "", fmt.Errorf("%s does not say where it listens", filepath.Base(program))
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// stop ends all of them.
func (s *service) stop() error {
	var errs []error
	for _, cmd := range s.children {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, cmd := range s.children {
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}
