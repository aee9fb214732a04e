package problem

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// retryDatabase is what a client is told to wait when the database is away: long
// enough not to make it worse, short enough to be back soon after it.
const retryDatabase = 2 * time.Second

// Of is what a client is shown of err: the *Problem in it, or what the database's
// state makes of it, or INTERNAL. It is never nil for an error that is not nil.
func Of(err error) *Problem {
	if err == nil {
		return nil
	}
	var known *Problem
	if errors.As(err, &known) {
		return known
	}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return ofServer(server).Because(err)
	}
	if away(err) {
		return New(Unavailable, "the database does not answer").WithRetry(retryDatabase).Because(err)
	}
	return New(Internal, "something went wrong here").Because(err)
}

// ofServer is what an error of the server says about its state.
func ofServer(e *pgconn.PgError) *Problem {
	switch class := e.Code[:min(2, len(e.Code))]; {
	case e.Code == "42P01" || e.Code == "42703" || e.Code == "3F000" || e.Code == "42883":
		return New(NotReady, "the database is not at the schema that this service needs").
			WithDetail("it is being migrated, or was rolled back").WithRetry(retryDatabase)
	case e.Code == "57014" || e.Code == "55P03" || e.Code == "40001" || e.Code == "40P01":
		// a statement that took too long, a lock held by another, a conflict: all pass
		return New(Unavailable, "the database is busy").WithRetry(retryDatabase)
	case e.Code == "25006":
		return New(Unavailable, "the database takes no writes at the moment").WithRetry(retryDatabase)
	case class == "08" || class == "57" || class == "53" || class == "58":
		return New(Unavailable, "the database does not answer").WithRetry(retryDatabase)
	case class == "28" || e.Code == "3D000" || e.Code == "42501":
		return New(Unavailable, "the database does not let this service in").WithRetry(retryDatabase)
	default:
		return New(Internal, "something went wrong here")
	}
}

// away reports whether err says that the database could not be reached in time.
func away(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, net.ErrClosed) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) ||
		strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "unexpected EOF")
}
