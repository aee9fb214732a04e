package migrate

import (
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Mend is what to do about an answer of the server for which no file is to blame; "" when it
// may be one.
func Mend(answer *pgconn.PgError) string {
	switch {
	case answer == nil:
	case answer.Code == "42501": // insufficient_privilege
		return "grant the role that migrates what it lacks, or have one who may do that part"
	case strings.HasPrefix(answer.Message, "extension ") && strings.HasSuffix(answer.Message, "is not available"),
		strings.HasPrefix(answer.Message, "could not open extension control file"):
		return "install the extension on the server, where its package is missing"
	}
	return ""
}
