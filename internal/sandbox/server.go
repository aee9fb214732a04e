package sandbox

import (
	"context"
	"maps"
	"os/exec"
	"sync"

	"github.com/clipper/clipperops/internal/config"
)

// Superuser is the role that owns every server this package makes.
const Superuser = "postgres"

// Backend is what a server runs on.
type Backend string

// The backends. BackendAny takes local programs where there are any, else Docker.
const (
	BackendAny    Backend = ""
	BackendLocal  Backend = "local"
	BackendDocker Backend = "docker"
)

// DefaultImage is what a Docker engine runs unless told otherwise.
const DefaultImage = "postgres:17-alpine"

// ServerOptions says what server to start.
type ServerOptions struct {
	// Dir is where everything of the server lives, made when missing; it must be
	// empty. Default: a new directory in the system's temporary directory.
	Dir string
	// Port on 127.0.0.1. Default: any that is free.
	Port int
	// Settings are server parameters, as in postgresql.conf.
	Settings map[string]string
	// Fast gives up durability (fsync, full_page_writes, synchronous_commit).
	Fast bool
	// Ephemeral ties the server's life to this process: where the operating
	// system can (Linux), it ends when this process is killed.
	Ephemeral bool
	// Backend forces local programs or Docker. Default: local, else Docker.
	Backend Backend
	// BinDir is the directory with initdb and postgres. Default: searched for.
	BinDir string
	// PathEnv is the value of PATH, searched first for server programs and docker.
	PathEnv string
	// Image is the Docker image. Default: DefaultImage.
	Image string
	// Note is told what takes long, e.g. that an image is being fetched. May be nil.
	Note func(string)
	// Standby makes the server a streaming, read-only standby of this one.
	Standby *Server
}

func (o ServerOptions) note(text string) {
	if o.Note != nil {
		o.Note(text)
	}
}

// Server is a running PostgreSQL of our own.
type Server struct {
	// Dir holds everything of the server; Stop removes it.
	Dir string
	// BinDir is where the server's programs are; empty on Docker.
	BinDir string
	// Container is the container's name; empty for a local server.
	Container string
	// Docker is the docker program; empty for a local server.
	Docker string
	// Image is what the container was made from; empty for a local server.
	Image string
	// Major is the server's major version.
	Major int
	// Port on 127.0.0.1.
	Port int

	options  ServerOptions
	settings map[string]string
	password string
	account  *account
	// owner is the lock on a directory that nobody asked for by name.
	owner *fileLock

	mu      sync.Mutex
	process *process
}

// process is a postmaster or a docker client that we started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// StartServer starts a server and returns once it accepts connections. What it
// made is taken away again when it fails.
func StartServer(ctx context.Context, o ServerOptions) (*Server, error) {
	install, err := Find(ctx, o)
	if err != nil {
		return nil, err
	}
	password, err := newPassword()
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, settings: settings(o), password: password, Port: o.Port}
	if install.Docker != "" {
		s.Docker, s.Image = install.Docker, install.Image
		err = s.startDocker(ctx)
	} else {
		s.BinDir, s.Major = install.BinDir, install.Major
		err = s.startLocal(ctx)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Target returns the address of a database of the server, as its superuser.
func (s *Server) Target(database string) config.Target {
	return config.Target{
		Host:     "127.0.0.1",
		Port:     uint16(s.Port),
		User:     Superuser,
		Password: config.Secret(s.password),
		Database: database,
		SSLMode:  "disable",
	}
}

// LogFile is where a local server writes its log.
func (s *Server) LogFile() string { return logFile(s.Dir) }

// settings are the parameters a server starts with: ours, then the caller's.
func settings(o ServerOptions) map[string]string {
	all := map[string]string{
		"listen_addresses":    "127.0.0.1",
		"password_encryption": "scram-sha-256",
		"log_timezone":        "UTC",
		"timezone":            "UTC",
		"logging_collector":   "off",
		// Files in the data directory, which go with it; POSIX segments of a killed
		// server would stay in memory.
		"dynamic_shared_memory_type": "mmap",
		"log_line_prefix":            "%m [%p] %q%u@%d %a ",
	}
	if o.Fast {
		maps.Copy(all, FastSettings())
	}
	maps.Copy(all, o.Settings)
	return all
}

// FastSettings are the parameters that give up durability for speed.
func FastSettings() map[string]string {
	return map[string]string{
		"fsync":              "off",
		"full_page_writes":   "off",
		"synchronous_commit": "off",
		"max_wal_size":       "2GB",
		"checkpoint_timeout": "30min",
	}
}
