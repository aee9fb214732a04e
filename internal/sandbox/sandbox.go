package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"
	"github.com/google/renameio/v2"
	"github.com/joho/godotenv"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
)

// The names in every sandbox.
const (
	// Database is the Clipper database.
	Database = "clipper_db"
	// Role owns the database. It is no superuser; it may create databases and see
	// what others are doing, as an operator's role should.
	Role = "clipper"
)

// EnvFileName is the file in a sandbox's directory that --env-file takes.
const EnvFileName = "sandbox.env"

// Options says which sandbox, and what a new one is like.
type Options struct {
	// Dir is the sandbox's directory. Default: DefaultDir.
	Dir string
	// StateHome is the value of $XDG_STATE_HOME, Home the home directory; from
	// them comes the default of Dir.
	StateHome, Home string
	// Port on 127.0.0.1. Default: any that is free.
	Port int
	// Users is how many users the Clipper has. Default: DefaultUsers.
	Users int
	// Ephemeral ties the sandbox's life to this process, where the operating
	// system can. Default: it stays until it is stopped.
	Ephemeral bool
	// Backend, BinDir, PathEnv and Image are as in ServerOptions.
	Backend Backend
	BinDir  string
	PathEnv string
	Image   string
	// Progress is told the rows written, Note what takes long or was cleaned up. Both may be nil.
	Progress func(ops.Progress)
	Note     func(string)
}

// Validate looks for values that cannot be. The error is a *ops.Failure.
func (o Options) Validate() error {
	var wrong []string
	if o.Users < 0 {
		wrong = append(wrong, fmt.Sprintf("%d users: it must be a positive number", o.Users))
	}
	if o.Port < 0 || o.Port > math.MaxUint16 {
		wrong = append(wrong, fmt.Sprintf("port %d: it must be between 1 and 65535, or 0 for any that is free", o.Port))
	}
	if len(wrong) == 0 {
		return nil
	}
	return &ops.Failure{Code: ops.ExitUsage, What: strings.Join(wrong, "; "), State: []string{"nothing was started"}}
}

// Sandbox is a throwaway Clipper.
type Sandbox struct {
	Dir string
	// Target is the database as Role, Superuser the same as the server's superuser.
	Target, Superuser config.Target
	Users             int
	Created           time.Time
	// Major is the server's major version.
	Major int
	// PID is a local server's process; LogFile its log.
	PID     int
	LogFile string
	// Container runs the server when Docker does; made from Image.
	Container, Image string
	// Programs is where the client programs that fit are: a directory, or
	// "docker:" and the container's name.
	Programs string
	// Already is set when Start found it running.
	Already bool
}

// EnvFile is the .env file with the DB_* variables.
func (s *Sandbox) EnvFile() string { return filepath.Join(s.Dir, EnvFileName) }

// BackupDir is a directory for backups that goes with the sandbox.
func (s *Sandbox) BackupDir() string { return filepath.Join(s.Dir, "backups") }

// variable is one setting for the environment.
type variable struct{ name, value string }

// variables are the settings that lead to the sandbox, with its password: it
// protects nothing but throwaway rows.
func (s *Sandbox) variables() []variable {
	all := []variable{
		{"DB_HOST", s.Target.Host},
		{"DB_PORT", fmt.Sprint(s.Target.Port)},
		{"DB_USER", s.Target.User},
		{"DB_PASSWORD", s.Target.Password.Reveal()},
		{"DB_NAME", s.Target.Database},
		{"DB_SSLMODE", s.Target.SSLMode},
		{"BACKUP_DIR", s.BackupDir()},
	}
	if s.Container != "" {
		all = append(all, variable{"PG_PROGRAMS", s.Programs})
	}
	return all
}

// Exports returns the lines to type into a shell.
func (s *Sandbox) Exports() []string {
	var lines []string
	for _, v := range s.variables() {
		lines = append(lines, "export "+v.name+"="+shellescape.Quote(v.value))
	}
	return lines
}

// writeEnvFile writes the variables as --env-file reads them. The directory
// belongs to the server's user: a link planted there is replaced, not followed.
func (s *Sandbox) writeEnvFile() error {
	values := map[string]string{}
	for _, v := range s.variables() {
		values[v.name] = v.value
	}
	text, err := godotenv.Marshal(values)
	if err != nil {
		return err
	}
	return renameio.WriteFile(s.EnvFile(), []byte(text+"\n"), 0o600)
}

// Start starts the sandbox, makes its database and fills it. One that runs
// already is returned as it is; what a killed one left is cleaned up first. When
// Start fails or is cancelled, nothing is left behind.
func Start(ctx context.Context, o Options) (*Sandbox, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	dir, release, err := o.claim()
	if err != nil {
		return nil, err
	}
	defer release()
	condition, st, err := examine(ctx, dir)
	if err != nil {
		return nil, err
	}
	switch condition {
	case Running:
		s := st.sandbox(dir)
		s.Already = true
		return s, nil
	case Dead, Unfinished:
		o.note("removing what a killed sandbox left in " + dir)
		if err := discard(ctx, dir); err != nil {
			return nil, err
		}
	}
	return o.create(ctx, dir)
}

// create makes a new sandbox in dir.
func (o Options) create(ctx context.Context, dir string) (_ *Sandbox, err error) {
	server, err := StartServer(ctx, ServerOptions{
		Dir: dir, Port: o.Port, Fast: true, Ephemeral: o.Ephemeral, Backend: o.Backend, BinDir: o.BinDir,
		PathEnv: o.PathEnv, Image: o.Image, Note: o.Note, Settings: clipperSettings(),
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, server.Stop(ctx))
		}
	}()
	st := server.state()
	if st.Password, err = newPassword(); err != nil {
		return nil, err
	}
	if err := st.write(dir); err != nil {
		return nil, err
	}
	s := st.sandbox(dir)
	if err := s.createRole(ctx); err != nil {
		return nil, err
	}
	return s, o.finish(ctx, s, st)
}

// finish makes and fills the database, writes the .env file and marks the
// sandbox as ready.
func (o Options) finish(ctx context.Context, s *Sandbox, st state) error {
	s.Users = o.users()
	if err := s.createDatabase(ctx); err != nil {
		return err
	}
	if err := ApplyClipper(ctx, s.Target); err != nil {
		return err
	}
	if err := Seed(ctx, s.Superuser, s.Users, o.Progress); err != nil {
		return err
	}
	if err := s.writeEnvFile(); err != nil {
		return err
	}
	st.Ready, st.Users = true, s.Users
	return st.write(s.Dir)
}

// clipperSettings are the parameters of a sandbox's server: room for a million
// users, and enough connections for a demonstration.
func clipperSettings() map[string]string {
	return map[string]string{
		"max_connections":      "100",
		"shared_buffers":       "256MB",
		"maintenance_work_mem": "256MB",
		"cluster_name":         "clipperops-sandbox",
	}
}

func (o Options) users() int {
	if o.Users == 0 {
		return DefaultUsers
	}
	return o.Users
}

func (o Options) note(text string) {
	if o.Note != nil {
		o.Note(text)
	}
}
