package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

const audience = "apibench"

// withService runs the program on the database with a stand-in for Twitch.
func withService(ctx context.Context, target config.Target, program string, users people, do func(at string) error) (err error) {
	helix := twitchtest.New(twitchtest.Options{})
	fake := httptest.NewServer(helix)
	defer fake.Close()
	folder, err := os.MkdirTemp("", "apibench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	var lines strings.Builder
	for _, b := range users.broadcasters {
		access := "token-" + b.twitchID
		helix.AddToken(twitchtest.Token{Access: access, UserID: b.twitchID, Scopes: []string{twitch.ScopeManageBans}})
		fmt.Fprintln(&lines, b.id, b.twitchID, access, twitch.ScopeManageBans)
	}
	sessions := filepath.Join(folder, "tokens")
	if err := os.WriteFile(sessions, []byte(lines.String()), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "serve")
	cmd.Env = []string{
		"DATABASE_URL=" + target.URL().Reveal(), "JWT_SECRET=" + users.secret, "JWT_AUDIENCE=" + audience, "TWITCH_CLIENT_ID=client",
		"TWITCH_URL=" + fake.URL + "/helix", "TWITCH_AUTH_URL=" + fake.URL + "/oauth2", "TWITCH_DEV_TOKENS=" + sessions,
		"MODERATION_ADDR=127.0.0.1:0", "FEATURE_TWITCH_MODERATION=true", "SHUTDOWN_DELAY=1ms",
	}
	log, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w; make build makes it", err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		err = errors.Join(err, cmd.Wait())
	}()
	at, err := listening(log)
	if err != nil {
		return err
	}
	return do("http://" + at)
}

// listening is the address that the service's log names; the rest of the log is
// read and dropped.
func listening(log io.Reader) (string, error) {
	lines := bufio.NewScanner(log)
	var said strings.Builder
	for lines.Scan() {
		var l struct{ Msg, API string }
		if json.Unmarshal(lines.Bytes(), &l) == nil && l.Msg == "listening" {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return l.API, nil
		}
		fmt.Fprintln(&said, lines.Text())
	}
	return "", fmt.Errorf("the service did not start:\n%s", said.String())
}
