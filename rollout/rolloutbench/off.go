package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/postgres"
)

// patience is how long one round may take before something is wrong.
const patience = 30 * time.Second

// benchOff types rollout off again and again.
func benchOff(ctx context.Context, db database, s settings) error {
	program, err := filepath.Abs(s.program)
	if err != nil {
		return err
	}
	store := postgres.Open(db.conn)
	news := make(chan struct{}, 1)
	all, stop, err := instancesOf(ctx, s.instances, func() featureflag.Store { return postgres.Open(db.conn) }, news)
	if err != nil {
		return err
	}
	defer stop()
	folder, err := os.MkdirTemp("", "rolloutbench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	var places []string
	for _, i := range all {
		places = append(places, i.server.URL)
	}
	settings := "environments:\n  production:\n    rollout:\n      instances: " + strings.Join(places, " ") + "\n"
	if err := os.WriteFile(filepath.Join(folder, "clipperops.yaml"), []byte(settings), 0o600); err != nil {
		return err
	}
	environ := []string{
		"HOME=" + folder, "PATH=" + os.Getenv("PATH"), "USER=rolloutbench", "DB_HOST=" + db.target.Host, fmt.Sprintf("DB_PORT=%d", db.target.Port),
		"DB_USER=" + db.target.User, "DB_PASSWORD=" + db.target.Password.Reveal(), "DB_NAME=" + db.target.Database, "DB_SSLMODE=disable",
	}
	var refused, ended []time.Duration
	for round := range s.rounds + 1 {
		if err := turnOn(ctx, store); err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, patience)
		_, err := lastIs(limited, all, true, news)
		if err == nil {
			var last time.Time
			begun := time.Now()
			cmd := exec.CommandContext(limited, program, "rollout", "off", "--env", "production")
			cmd.Dir, cmd.Env = folder, environ
			var out []byte
			out, err = cmd.CombinedOutput()
			end := time.Now()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			} else if last, err = lastIs(limited, all, false, news); err == nil && round > 0 {
				refused, ended = append(refused, last.Sub(begun)), append(ended, end.Sub(begun))
			}
		}
		cancel()
		if err != nil {
			return err
		}
	}
	fmt.Printf("\nrollout off with %d instances, %d times, from the start of the command\n", s.instances, s.rounds)
	heading()
	row("until the last one refuses", refused)
	row("until the command has ended", ended)
	fmt.Println()
	p99 := percentile(refused, 99)
	verdict(p99 <= promisedOff, "rollout off: the last of %d instances refuses after %s in 99 of 100   (at most %s; the documented procedure takes %s to %s)",
		s.instances, ms(p99), promisedOff, documented, 2*documented)
	return nil
}

// turnOn gives the feature to everybody, behind the rollout's back.
func turnOn(ctx context.Context, store *postgres.Store) error {
	flags, err := store.Load(ctx)
	if err != nil {
		return err
	}
	f, err := featureflag.New(key, true, featureflag.Everybody, nil)
	if err != nil {
		return err
	}
	_, err = store.Write(ctx, featureflag.Change{Flag: f, Expect: flags[key].Version, By: "rolloutbench"})
	return err
}
