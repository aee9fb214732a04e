package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// stateFile in a server's directory says what belongs to the directory, for
// those who come after the process that made it.
const stateFile = "sandbox.json"

// state is the content of stateFile. It holds passwords: mode 0600.
type state struct {
	// Ready is false until everything is made.
	Ready   bool      `json:"ready"`
	Created time.Time `json:"created"`
	Users   int       `json:"users,omitempty"`
	Port    int       `json:"port"`
	Major   int       `json:"major,omitempty"`
	// PID and Started identify a local postmaster.
	PID     int    `json:"pid,omitempty"`
	Started int64  `json:"started,omitempty"`
	BinDir  string `json:"bin_dir,omitempty"`
	// Container, Docker and Image identify a container.
	Container string `json:"container,omitempty"`
	Docker    string `json:"docker,omitempty"`
	Image     string `json:"image,omitempty"`
	// SuperuserPassword is that of postgres, Password that of clipper.
	SuperuserPassword string            `json:"superuser_password,omitempty"`
	Password          string            `json:"password,omitempty"`
	Settings          map[string]string `json:"settings,omitempty"`
}

// errNoState says that a directory holds no server of ours.
var errNoState = errors.New("no sandbox")

func readState(dir string) (state, error) {
	var st state
	raw, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		return st, errNoState
	}
	if err != nil {
		return st, err
	}
	if err := json.Unmarshal(raw, &st); err != nil {
		return st, fmt.Errorf("%s: %w", filepath.Join(dir, stateFile), err)
	}
	return st, nil
}

func (st state) write(dir string) error {
	raw, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(dir, stateFile), append(raw, '\n'), 0o600)
}

// state describes a server.
func (s *Server) state() state {
	st := state{
		Created: time.Now().UTC().Truncate(time.Second), Port: s.Port, Major: s.Major, BinDir: s.BinDir,
		Container: s.Container, Docker: s.Docker, Image: s.Image,
		SuperuserPassword: s.password, Settings: s.settings,
	}
	if p, ok := readPostmaster(dataDir(s.Dir)); ok && s.Container == "" {
		st.PID, st.Started = p.pid, p.started
	}
	return st
}
