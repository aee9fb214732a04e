package runbook

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/envfile"
	"github.com/clipper/clipperops/internal/featureflag/flagd"
	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/rollout/instances"
)

// store is where the flag is kept.
func (s *Session) store() (featureflag.Writer, error) {
	r, flag := s.Config.Rollout, s.Release.Rollout.Flag
	switch r.Store {
	case "envfile":
		return envfile.Open(r.File, flag), nil
	case "flagd":
		return flagd.Open(r.File, flag), nil
	case "postgres":
		if s.Config.TargetErr != nil {
			return nil, s.Config.TargetErr
		}
		target := s.Config.CurrentTarget()
		c, err := pg.ConnConfig(target, pg.ConnOptions{Application: s.application("flag"), StatementTimeout: 5 * time.Second, LockTimeout: 2 * time.Second})
		if err != nil {
			return nil, err
		}
		return &namesBlockers{Store: postgres.Open(c), config: c, target: target, application: s.application("blockers")}, nil
	}
	return nil, &ops.Failure{Code: ops.ExitUsage, What: fmt.Sprintf("rollout.store is %q", r.Store), State: []string{"nothing was changed"}, Next: []string{"set it to postgres, envfile or flagd"}}
}

// places are where instances are looked for.
func (s *Session) places(urls []string) instances.Places {
	return instances.Places{URLs: urls, Environ: s.Environ}
}

// applier makes services read the store again; nil where they follow it.
func (s *Session) applier() func(context.Context) error {
	command := s.Config.Rollout.Apply
	if len(command) == 0 {
		return nil
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, applyTimeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Env = s.Environ
		if file := s.Config.Rollout.File; file != "" {
			cmd.Dir = filepath.Dir(file)
		}
		cmd.WaitDelay = 5 * time.Second
		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		text := strings.TrimSpace(string(out))
		if len(text) > 500 {
			text = "…" + text[len(text)-500:]
		}
		if text == "" {
			return fmt.Errorf("%s: %w", strings.Join(command, " "), err)
		}
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, text)
	}
}
