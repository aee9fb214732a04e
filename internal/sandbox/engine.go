package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

// dirLabel on a container is the directory of the server it belongs to: what
// does not carry it is none of ours.
const dirLabel = "com.clipper.clipperops.sandbox"

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
	return Installation{Docker: path, Image: image}, nil
}

// Fetch makes sure that the image is there, where the installation is a Docker
// engine. The error is a *ops.Failure.
func (i Installation) Fetch(ctx context.Context, o ServerOptions) error {
	if i.Docker == "" {
		return nil
	}
	if _, err := docker(ctx, i.Docker, "image", "inspect", "--format", "{{.Id}}", i.Image); err == nil {
		return nil
	}
	o.note("fetching the Docker image " + i.Image)
	limited, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	if _, err := docker(limited, i.Docker, "pull", "--quiet", i.Image); err != nil {
		f := &ops.Failure{
			What:   "the Docker image " + i.Image + " cannot be fetched",
			Detail: lastLines(err.Error(), 4),
			State:  []string{"nothing was started"},
			Next:   []string{"docker pull " + i.Image},
			Err:    err,
		}
		if command := InstallCommand(o.PathEnv); command != "" {
			f.Next = append(f.Next, "or install PostgreSQL on this machine: "+command)
		}
		return f
	}
	return nil
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

// containerRuns reports whether a container runs; one that is gone does not.
func containerRuns(ctx context.Context, path, container string) (bool, error) {
	running, err := docker(ctx, path, "inspect", "--format", "{{.State.Running}}", container)
	if err != nil && noSuch(err) {
		return false, nil
	}
	return running == "true", err
}

// noSuch reports whether docker says that there is no such thing.
func noSuch(err error) bool { return strings.Contains(strings.ToLower(err.Error()), "no such") }

// removeContainer removes a container and its volumes, if it is the one that
// belongs to dir. One that is gone already is no error.
func removeContainer(ctx context.Context, path, container, dir string) error {
	label, err := docker(ctx, path, "inspect", "--format", `{{index .Config.Labels "`+dirLabel+`"}}`, container)
	if err != nil {
		if noSuch(err) {
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
