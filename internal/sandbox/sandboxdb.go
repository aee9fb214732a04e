package sandbox

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/config"
)

// createRole makes the role that owns the Clipper database.
func (s *Sandbox) createRole(ctx context.Context) error {
	// A password of ours has no character that a literal minds.
	return s.asSuperuser(ctx,
		fmt.Sprintf("CREATE ROLE %s LOGIN CREATEDB PASSWORD '%s'", Role, s.Target.Password.Reveal()),
		"GRANT pg_read_all_stats TO "+Role)
}

// createDatabase makes the Clipper database, anew when there is one.
func (s *Sandbox) createDatabase(ctx context.Context) error {
	return s.asSuperuser(ctx,
		"DROP DATABASE IF EXISTS "+Database+" WITH (FORCE)",
		"CREATE DATABASE "+Database+" OWNER "+Role+" TEMPLATE template0")
}

// asSuperuser runs statements in the server's own database.
func (s *Sandbox) asSuperuser(ctx context.Context, statements ...string) error {
	conn, err := connect(ctx, s.Superuser.WithDatabase("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing depends on it
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("preparing the sandbox's server: %w", err)
		}
	}
	return nil
}

// sandbox is what a state describes.
func (st state) sandbox(dir string) *Sandbox {
	superuser := config.Target{
		Host: "127.0.0.1", Port: uint16(st.Port), User: Superuser, Password: config.Secret(st.SuperuserPassword),
		Database: Database, SSLMode: "disable",
	}
	s := &Sandbox{
		Dir: dir, Target: superuser, Superuser: superuser, Users: st.Users, Created: st.Created, Major: st.Major,
		PID: st.PID, Container: st.Container, Image: st.Image, Programs: st.BinDir,
	}
	s.Target.User, s.Target.Password = Role, config.Secret(st.Password)
	if st.Container != "" {
		s.Programs = "docker:" + st.Container
	} else {
		s.LogFile = logFile(dir)
	}
	return s
}
