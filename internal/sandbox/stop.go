package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// stopTimeout is how long a fast shutdown may take before the server is killed.
const stopTimeout = 20 * time.Second

// Stop shuts the server down and removes its directory or container. It leaves
// nothing behind, also when ctx is cancelled already.
func (s *Server) Stop(ctx context.Context) error {
	err := errors.Join(s.shutdown(ctx), discard(ctx, s.Dir))
	s.owner.release()
	return err
}

// Kill ends the server at once with SIGKILL, as a crash does. Its directory
// stays; Resume starts it again.
func (s *Server) Kill() {
	if s.Container != "" {
		limited, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		_, _ = docker(limited, s.Docker, "kill", s.Container) // it may have ended by itself
		return
	}
	p := s.running()
	if p == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// Restart shuts the server down and starts it again on the same port and data.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.shutdown(ctx); err != nil {
		return err
	}
	return s.Resume(ctx)
}

// Resume starts a server that was killed, when the last of its processes has ended: on a busy
// machine they do so a moment after the one that was killed.
func (s *Server) Resume(ctx context.Context) error {
	if s.Container != "" {
		if _, err := docker(ctx, s.Docker, "start", s.Container); err != nil {
			return err
		}
		return s.awaitContainer(ctx)
	}
	if s.running() != nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := s.launch(ctx)
		if !errors.Is(err, errInUse) {
			return err
		}
		again := time.NewTimer(resumeEvery)
		select {
		case <-limited.Done():
			again.Stop()
			return err
		case <-again.C:
		}
	}
}

// resumeEvery is how often it is tried to start a server again that is still ending.
const resumeEvery = 50 * time.Millisecond

func (s *Server) running() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil || s.process.exited() {
		return nil
	}
	return s.process
}

// shutdown asks for a fast shutdown, and kills when that takes too long.
func (s *Server) shutdown(ctx context.Context) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if s.Container != "" {
		_, err := docker(limited, s.Docker, "stop", s.Container)
		if err != nil && noSuch(err) {
			return nil
		}
		return err
	}
	p := s.running()
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the server: %w", err)
	}
	select {
	case <-p.done:
	case <-limited.Done():
		s.Kill()
	}
	return nil
}
