// Package env is the store of flags in the process's environment. It is read once:
// the environment of a running process does not change, so nor do its flags, and
// they cannot be written.
package env

import (
	"context"
	"strings"

	"github.com/clipper/clipperops/internal/featureflag"
)

// Store is the flags of an environment.
type Store struct {
	variables map[string]string
	known     []string
}

// New takes an environment as os.Environ gives it. Where known keys are given, junk
// is an error in those alone.
func New(environ []string, known ...string) *Store {
	s := &Store{variables: make(map[string]string, len(environ)), known: known}
	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok {
			s.variables[name] = value
		}
	}
	return s
}

// Load reads the flags; junk in a variable is an error.
func (s *Store) Load(context.Context) (featureflag.State, error) {
	return featureflag.FromEnvironment(s.variables, s.known...)
}

// Watch reports the one state there is and waits for ctx to end.
func (s *Store) Watch(ctx context.Context, report func(featureflag.State, error)) {
	report(s.Load(ctx))
	<-ctx.Done()
}

// String names the store.
func (*Store) String() string { return "env" }
