package sandbox_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
)

// onDocker are options for a sandbox in a container.
func onDocker(t *testing.T) sandbox.Options {
	t.Helper()
	image := pgtest.Image(t)
	o := options(t)
	o.Backend, o.Image = sandbox.BackendDocker, image
	return o
}

// docker runs the docker program and returns what it prints.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(context.Background(), "docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// containersOf lists the containers, running or not, of a sandbox's directory.
func containersOf(t *testing.T, dir string) string {
	t.Helper()
	return docker(t, "ps", "--all", "--quiet", "--filter", "label=com.clipper.clipperops.sandbox="+dir)
}

func TestOnDockerASandboxIsTheSameClipper(t *testing.T) {
	t.Parallel()
	o := onDocker(t)
	s, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := value[string](t, s.Target, "SELECT concat_ws(' ', version, dirty, current_user, (SELECT count(*) FROM users)) FROM schema_migrations"); got != "10 f clipper 20" {
		t.Errorf("version, dirty, role, users = %s", got)
	}
	if s.Container == "" || s.Programs != "docker:"+s.Container || s.Major < 12 {
		t.Errorf("container %q, programs %q, major %d", s.Container, s.Programs, s.Major)
	}
	// Its own client programs reach its server, inside.
	cmd := exec.CommandContext(t.Context(), "docker", "exec", "-i", "-e", "PGPASSWORD", s.Container,
		"psql", "-h", "127.0.0.1", "-U", s.Target.User, "-d", s.Target.Database, "-Atc", "SELECT count(*) FROM users")
	cmd.Env = append(os.Environ(), "PGPASSWORD="+s.Target.Password.Reveal())
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "20" {
		t.Errorf("psql in the container: %v: %s", err, out)
	}
	if got := docker(t, "port", s.Container, "5432/tcp"); got != "127.0.0.1:"+itoa(int(s.Target.Port)) {
		t.Errorf("it listens on %s", got)
	}
	wrong := s.Target
	wrong.Password = "wrong"
	if answers(t, wrong) {
		t.Error("a wrong password was accepted")
	}
	if condition, _, err := sandbox.Status(t.Context(), o); err != nil || condition != sandbox.Running {
		t.Errorf("condition %s, error %v", condition, err)
	}
	t.Run("the password is in no argument", func(t *testing.T) { passwordIsInNoArgument(t, s) })
	t.Run("a container without our label is left alone", func(t *testing.T) { foreignContainerIsLeftAlone(t, o, s) })
	volume := docker(t, "inspect", "--format", "{{range .Mounts}}{{.Name}}{{end}}", s.Container)
	if stopped, err := sandbox.Stop(t.Context(), o); err != nil || !stopped {
		t.Fatalf("stopped %t, error %v", stopped, err)
	}
	if left := containersOf(t, o.Dir); left != "" {
		t.Errorf("the container %s is left", left)
	}
	if volume != "" && docker(t, "volume", "ls", "--quiet", "--filter", "name="+volume) != "" {
		t.Errorf("the volume %s is left", volume)
	}
	empty(t, filepath.Dir(o.Dir))
}

func passwordIsInNoArgument(t *testing.T, s *sandbox.Sandbox) {
	if args := docker(t, "inspect", "--format", "{{.Path}} {{.Args}}", s.Container); strings.Contains(args, s.Superuser.Password.Reveal()) {
		t.Error("the container's arguments hold the password")
	}
	if !isGone(filepath.Join(s.Dir, "container.env")) {
		t.Error("the file with the container's environment is still there")
	}
}

func TestOnDockerAKilledSandboxIsCleanedByTheNextStart(t *testing.T) {
	t.Parallel()
	o := onDocker(t)
	first, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	docker(t, "kill", first.Container)
	if condition, _, err := sandbox.Status(t.Context(), o); err != nil || condition != sandbox.Dead {
		t.Errorf("condition %s, error %v; want dead", condition, err)
	}
	second, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if second.Already || second.Container == first.Container || !answers(t, second.Target) {
		t.Error("no new sandbox")
	}
	if left := containersOf(t, o.Dir); strings.Count(left, "\n") != 0 {
		t.Errorf("the killed container is left: %s", left)
	}
}

// Guards against removing a container that only has the name of the sandbox's.
func foreignContainerIsLeftAlone(t *testing.T, o sandbox.Options, s *sandbox.Sandbox) {
	foreign := s.Container + "-foreign"
	docker(t, "create", "--name", foreign, o.Image)
	t.Cleanup(func() { docker(t, "rm", "--force", "--volumes", foreign) })
	file := filepath.Join(o.Dir, "sandbox.json")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.ReplaceAll(string(raw), s.Container, foreign))
	if _, err := sandbox.Stop(t.Context(), o); err == nil {
		t.Error("it was taken for the sandbox's own")
	}
	docker(t, "inspect", foreign)
	write(string(raw))
}

func TestOnDockerAServerIsRestartedAndResumedAfterAKill(t *testing.T) {
	t.Parallel()
	o := pgtest.Options(nil)
	o.Image, o.Backend = pgtest.Image(t), sandbox.BackendDocker
	s, err := sandbox.StartServer(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if left := containersOf(t, s.Dir); left != "" || !isGone(s.Dir) {
			t.Errorf("left: container %q, directory gone: %t", left, isGone(s.Dir))
		}
	})
	target := s.Target("postgres")
	pgtest.Exec(t, target, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1); CHECKPOINT")
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if answers(t, target) {
		t.Error("it answers after a kill")
	}
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := value[int](t, target, "SELECT n FROM kept"); got != 1 {
		t.Errorf("n = %d", got)
	}
}

func TestOnDockerAServerThatCannotStartShowsItsLog(t *testing.T) {
	t.Parallel()
	o := pgtest.Options(map[string]string{"shared_buffers": "plenty"})
	o.Image, o.Backend, o.Dir = pgtest.Image(t), sandbox.BackendDocker, filepath.Join(openDir(t), "pg")
	_, err := sandbox.StartServer(t.Context(), o)
	if f := ops.AsFailure(err); f == nil || !strings.Contains(strings.Join(f.Detail, "\n"), "plenty") {
		t.Errorf("error %v, failure %+v", err, f)
	}
	if left := containersOf(t, o.Dir); left != "" || !isGone(o.Dir) {
		t.Errorf("left: container %q, directory gone: %t", left, isGone(o.Dir))
	}
}

func TestOnDockerAnImageThatCannotBeFetchedIsTold(t *testing.T) {
	t.Parallel()
	pgtest.Image(t) // skips without an engine
	o := pgtest.Options(nil)
	o.Backend, o.Image = sandbox.BackendDocker, "127.0.0.1:1/no/such/image:17"
	_, err := sandbox.StartServer(t.Context(), o)
	f := ops.AsFailure(err)
	if f == nil || !strings.Contains(f.What, o.Image) || len(f.Next) == 0 || f.Next[0] != "docker pull "+o.Image {
		t.Errorf("failure %+v", f)
	}
}
