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

// dirLabel on a container is the directory of the server it belongs to: what
// does not carry it is none of ours.
const dirLabel = "com.clipper.clipperops.sandbox"

// containerPort is where the image's server listens, inside.
const containerPort = 5432

// pullTimeout bounds fetching the image over a slow line.
const pullTimeout = 15 * time.Minute

// findDocker asks for an engine that answers.
func findDocker(ctx context.Context, o ServerOptions) (Installation, error) {
	path := lookPath(o.PathEnv, "docker")
	if path == "" {
		return Installation{}, errors.New("no docker program on PATH")
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := docker(limited, path, "version", "--format", "{{.Server.Version}}"); err != nil {
		return Installation{}, fmt.Errorf("no Docker engine answers: %w", err)
	}
	image := o.Image
	if image == "" {
		image = DefaultImage
	}
	return Installation{docker: path, image: image}, nil
}

// docker runs the docker program and returns what it prints.
func docker(ctx context.Context, path string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("docker %s: %w", args[0], ctx.Err())
	}
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

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
	if err := s.pull(ctx); err != nil {
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

// pull fetches the image unless the engine has it.
func (s *Server) pull(ctx context.Context) error {
	if _, err := docker(ctx, s.Docker, "image", "inspect", "--format", "{{.Id}}", s.Image); err == nil {
		return nil
	}
	s.options.note("fetching the Docker image " + s.Image)
	limited, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	if _, err := docker(limited, s.Docker, "pull", "--quiet", s.Image); err != nil {
		f := &ops.Failure{
			What:   "the Docker image " + s.Image + " cannot be fetched",
			Detail: lastLines(err.Error(), 4),
			State:  []string{"nothing was started"},
			Next:   []string{"docker pull " + s.Image},
			Err:    err,
		}
		if command := InstallCommand(s.options.PathEnv); command != "" {
			f.Next = append(f.Next, "or install PostgreSQL on this machine: "+command)
		}
		return f
	}
	return nil
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
		"--publish", "127.0.0.1:" + strconv.Itoa(s.Port) + ":" + strconv.Itoa(containerPort), "--shm-size", "256m", s.Image,
	}
	for _, name := range sorted(s.settings) {
		if name == "listen_addresses" { // inside, it is the engine that comes from elsewhere
			continue
		}
		args = append(args, "-c", name+"="+s.settings[name])
	}
	_, err := docker(ctx, s.Docker, args...)
	if err == nil {
		return nil
	}
	if text := err.Error(); strings.Contains(text, "port is already allocated") || strings.Contains(text, "address already in use") {
		return &ops.Failure{
			What:  fmt.Sprintf("port %d on 127.0.0.1 is taken", s.Port),
			State: []string{"nothing was started"},
			Next:  []string{"choose another port, or 0 for any that is free"},
			Err:   errPortTaken,
		}
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
		running, err := docker(ctx, s.Docker, "inspect", "--format", "{{.State.Running}}", s.Container)
		return err == nil && running == "false" || ctx.Err() != nil
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

// removeContainer removes a container and its volumes, if it is the one that
// belongs to dir. One that is gone already is no error.
func removeContainer(ctx context.Context, path, container, dir string) error {
	label, err := docker(ctx, path, "inspect", "--format", `{{index .Config.Labels "`+dirLabel+`"}}`, container)
	if err != nil {
		if strings.Contains(strings.ToLower(err.Error()), "no such") {
			return nil
		}
		return err
	}
	if label != dir {
		return fmt.Errorf("the container %s is not the sandbox's in %s; it was left alone", container, dir)
	}
	_, err = docker(ctx, path, "rm", "--force", "--volumes", container)
	return err
}
