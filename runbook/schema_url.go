package runbook

import (
	"errors"
	"strings"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
)

// inURL says of a setting where it stands for a database that a URL on the command line
// names.
var inURL = strings.NewReplacer(
	"DB_HOST and DB_PORT", "the host and port in the URL", "DB_HOST", "the host in the URL",
	"DB_NAME", "the database in the URL", "DB_USER", "the role in the URL", "set DB_SSLMODE=", "put into the URL: sslmode=",
)

// ofURL makes an error of connecting to a database that a URL on the command line names
// speak of that URL: the settings, which are another database's, are not to blame.
func ofURL(url string, err error) error {
	var refused *pg.ConnectError
	if !errors.As(err, &refused) {
		return err
	}
	fix := inURL.Replace(refused.Fix())
	switch refused.Kind {
	case pg.ConnectPassword:
		fix = passwordFix(url, refused.Target)
	case pg.ConnectMisconfigured, pg.ConnectUnknownProblem:
		fix = "correct the URL"
	}
	f := *refused.Failure()
	f.Next = []string{fix}
	f.Err = err
	return &f
}

// passwordFix says where the password came from that a server refused.
func passwordFix(url string, used config.Target) string {
	const file = "the password file (PGPASSFILE, ~/.pgpass)"
	stated, err := config.ParseTarget(url)
	switch {
	case err == nil && stated.Password != "":
		return "correct the password in the URL on the command line; without one there, " + file + " is asked"
	case used.Password != "":
		return "correct the password in " + file + ", where it came from"
	default:
		return "put the password into " + file + "; that of the settings is for their own database"
	}
}
