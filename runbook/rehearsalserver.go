package runbook

import (
	"errors"
	"strings"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
)

// ofRehearsalServer makes an error of connecting to the server that the settings name
// for clones speak of that server's settings: those of the database are not to blame.
func (s *Session) ofRehearsalServer(err error) error {
	r := s.Config.Rehearsal
	var refused *pg.ConnectError
	if r.Place != config.RehearseOnURL || !errors.As(err, &refused) ||
		refused.Target.Host != r.Server.Host || refused.Target.Port != r.Server.Port || refused.Target.User != r.Server.User {
		return err
	}
	fix := refused.Fix()
	switch {
	case refused.Kind == pg.ConnectPassword:
		fix = "put its password into the file of rehearse.password_file, into ~/.pgpass, or into the URL in REHEARSE_ON"
	case strings.Contains(fix, "DB_"):
		fix = "correct the URL of the server for clones: --rehearse-on, REHEARSE_ON, or rehearse.on in clipperops.yaml"
	}
	f := *refused.Failure()
	f.What = "the server for clones cannot be reached as " + refused.Target.String() + ": " + refused.What
	f.Next = []string{fix, "or on a throwaway server of this machine: --rehearse-on local"}
	f.Err = err
	return &f
}
