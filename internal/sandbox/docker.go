package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

// containerPort is where the image's server listens, inside.
const containerPort = 5432

// runTimeout bounds making a container of an image that is there.
const runTimeout = time.Minute

// startDocker makes the directory, the container and waits for its server.
func (s *Server) startDocker(ctx context.Context) (err error) {
	if s.options.Standby != nil {
		return &ops.Failure{What: "a standby needs PostgreSQL's own programs on this machine, not Docker", State: []string{"nothing was started"}}
	}
	if err := s.makeDir(ctx); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop(ctx))
		}
	}()
	if err := (Installation{Docker: s.Docker, Image: s.Image}).Fetch(ctx, s.options); err != nil {
		return err
	}
	random, err := newPassword()
	if err != nil {
		return err
	}
	s.Container = "clipperops-sandbox-" + strings.Trim(strings.ToLower(random[:10]), "-_")
	if err := s.state().write(s.Dir); err != nil {
		return err // written before the container exists, so that it is found again
	}
	for try := 1; ; try++ {
		if s.options.Port == 0 {
			if s.Port, err = freePort(ctx); err != nil {
				return err
			}
		}
		err = s.runContainer(ctx)
		if err == nil || s.options.Port != 0 || try == portTries || !errors.Is(err, errPortTaken) {
			break
		}
		if err := removeContainer(ctx, s.Docker, s.Container, s.Dir); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return s.awaitContainer(ctx)
}

// runContainer starts the container; the password goes in a file, not in argv.
func (s *Server) runContainer(ctx context.Context) error {
	envFile := filepath.Join(s.Dir, "container.env")
	content := "POSTGRES_USER=" + Superuser + "\nPOSTGRES_PASSWORD=" + s.password + "\nPOSTGRES_DB=postgres\n" +
		"POSTGRES_INITDB_ARGS=--encoding=UTF8 --locale=C --auth-host=scram-sha-256\n"
	if err := os.WriteFile(envFile, []byte(content), 0o600); err != nil {
		return err
	}
	defer os.Remove(envFile) //nolint:errcheck // the directory goes with it
	args := []string{
		"run", "--detach", "--name", s.Container, "--label", dirLabel + "=" + s.Dir, "--env-file", envFile,
		"--publish", "127.0.0.1:" + strconv.Itoa(s.Port) + ":" + strconv.Itoa(containerPort), "--shm-size", "256m",
		"--stop-signal", "SIGINT", // a fast shutdown; SIGTERM would wait for every client to go
		s.Image,
	}
	for _, name := range sorted(s.settings) {
		if name == "listen_addresses" { // inside, it is the engine that comes from elsewhere
			continue
		}
		args = append(args, "-c", name+"="+s.settings[name])
	}
	// Not to be interrupted: the engine would go on without the program, and make
	// the container after we have looked for it to remove it.
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), runTimeout)
	defer cancel()
	_, err := docker(whole, s.Docker, args...)
	if err == nil {
		return ctx.Err()
	}
	if text := err.Error(); strings.Contains(text, "port is already allocated") || strings.Contains(text, "address already in use") {
		return portTaken(s.Port)
	}
	return &ops.Failure{What: "the container does not start", Detail: lastLines(err.Error(), 6), State: []string{"nothing was started"}, Err: err}
}

// awaitContainer connects until the server inside answers, or says why it will not.
func (s *Server) awaitContainer(ctx context.Context) error {
	var last error
	err := poll(ctx, readyTimeout, func() bool {
		if last = probe(ctx, s.Target("postgres")); last == nil {
			return true
		}
		running, err := containerRuns(ctx, s.Docker, s.Container)
		return err == nil && !running || ctx.Err() != nil
	})
	if err == nil && last == nil {
		return s.readMajor(ctx)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted while the server was starting: %w", ctx.Err())
	}
	return &ops.Failure{
		What:   "the server in the container does not accept connections",
		Detail: append([]string{last.Error()}, s.containerLog(ctx)...),
		Err:    last,
	}
}

func (s *Server) readMajor(ctx context.Context) error {
	conn, err := connect(ctx, s.Target("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing depends on it
	return conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int / 10000").Scan(&s.Major)
}

// containerLog returns the last lines of the container, on both of its outputs.
func (s *Server) containerLog(ctx context.Context) []string {
	out, err := exec.CommandContext(ctx, s.Docker, "logs", "--tail", "12", s.Container).CombinedOutput()
	if err != nil {
		return nil
	}
	return lastLines(string(out), 12)
}
