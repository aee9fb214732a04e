package metricstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Interval is how often the server scrapes.
const Interval = 250 * time.Millisecond

const configuration = `global:
  scrape_interval: 250ms
  scrape_timeout: 250ms
scrape_configs:
  - job_name: clipper
    file_sd_configs:
      - files: [targets.json]
`

// Server is a Prometheus of our own.
type Server struct {
	URL string

	dir  string
	log  *os.File
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended

	mu      sync.Mutex
	targets map[string]bool
}

// StartServer starts a Prometheus on a free port, as a user that is not root, and
// returns when it is ready. The calling goroutine must stay on its thread while
// the server runs (runtime.LockOSThread): the system ends the server with it.
func StartServer(ctx context.Context, targets ...*Target) (*Server, error) {
	program, err := Find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "clipperops-prometheus-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, targets: map[string]bool{}}
	for _, t := range targets {
		s.targets[t.Instance()] = true
	}
	if err := s.start(ctx, program); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, program string) error {
	credential, err := ordinaryUser()
	if err != nil {
		return err
	}
	if s.log, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(filepath.Join(s.dir, "prometheus.yml"), []byte(configuration), 0o644), s.writeTargets()); err != nil {
		return err
	}
	if credential != nil {
		if err := os.Chown(s.dir, int(credential.Uid), int(credential.Gid)); err != nil {
			return err
		}
	}
	// The port is free when it is looked for; whoever is faster has it.
	for range 5 {
		port, err := freePort()
		if err != nil {
			return err
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		s.URL = "http://" + address
		s.cmd = exec.Command(program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address="+address, "--log.level=warn")
		s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, s.log, s.log
		s.cmd.Env = []string{"GOMAXPROCS=2"}
		s.cmd.SysProcAttr = attributes(credential)
		if err := s.cmd.Start(); err != nil {
			return fmt.Errorf("%s does not start: %w", program, err)
		}
		done := make(chan struct{})
		s.done = done
		go func() {
			_ = s.cmd.Wait()
			close(done)
		}()
		if s.ready(ctx) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	said, _ := os.ReadFile(s.log.Name())
	return fmt.Errorf("prometheus does not stay up; it said:\n%s", said)
}

// ready waits until the server answers; not when it has ended.
func (s *Server) ready(ctx context.Context) bool {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/-/ready", nil)
		if err != nil {
			return false
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				http.DefaultClient.CloseIdleConnections()
				return true
			}
		}
		select {
		case <-ctx.Done():
			return false
		case <-s.done:
			return false
		case <-time.After(20 * time.Millisecond): // the time between two questions
		}
	}
}

// Forget takes a target out of what is scraped.
func (s *Server) Forget(t *Target) error {
	s.mu.Lock()
	delete(s.targets, t.Instance())
	s.mu.Unlock()
	return s.writeTargets()
}

func (s *Server) writeTargets() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []string{}
	for t := range s.targets {
		list = append(list, t)
	}
	raw, err := json.Marshal([]map[string]any{{"targets": list}})
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, "targets.json")
	if err := os.WriteFile(path+".new", raw, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Stop ends the server and removes what it wrote.
func (s *Server) Stop() error {
	if s.done != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.done:
		case <-time.After(30 * time.Second): // it never takes so long
			_ = s.cmd.Process.Kill()
			<-s.done
		}
	}
	if s.log != nil {
		_ = s.log.Close()
	}
	return os.RemoveAll(s.dir)
}

// ordinaryUser is whom the server runs as; nil where this process is not root.
func ordinaryUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
