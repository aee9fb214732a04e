package moderation

import (
	"context"
	"fmt"
	"time"

	"github.com/clipper/clipperops/moderation/httpapi"
	"github.com/clipper/clipperops/moderation/schema"
)

// recently is how old the last round over the Twitch sessions may be: Twitch
// demands one an hour.
const recently = 75 * time.Minute

// The states of a condition.
const (
	ok       = "ok"
	degraded = "degraded"
	failed   = "failed"
)

// ready says whether requests can be served. Twitch being away, or the flags'
// store, makes the service degraded, not unready: everything else works, and a
// load balancer that took every instance out would make it worse.
func (srv *Server) ready(ctx context.Context) httpapi.Readiness {
	r := httpapi.Readiness{Ready: true, Checks: []httpapi.Condition{srv.databaseReady(ctx), srv.tokensReady(), srv.flagsReady()}}
	if srv.stopping.Load() {
		r.Checks = append(r.Checks, httpapi.Condition{Name: "process", Status: failed, Detail: "it is being stopped"})
	}
	for _, c := range r.Checks {
		r.Ready = r.Ready && c.Status != failed
	}
	return r
}

func (srv *Server) databaseReady(ctx context.Context) httpapi.Condition {
	c := httpapi.Condition{Name: "database", Status: ok}
	state, err := schema.Read(ctx, srv.pool)
	switch {
	case err != nil:
		c.Status, c.Detail = failed, "the database does not answer"
	case state.Problem() != "":
		c.Status, c.Detail = failed, state.Problem()
	default:
		c.Detail = fmt.Sprintf("version %d", state.Version)
	}
	return c
}

func (srv *Server) tokensReady() httpapi.Condition {
	c := httpapi.Condition{Name: "twitch_tokens", Status: ok}
	if srv.validator == nil {
		c.Detail = "sessions of a development file; they are not validated"
		return c
	}
	last := srv.validator.Last()
	switch {
	case last.At.IsZero():
		c.Status, c.Detail = failed, "the Twitch sessions have not been validated yet"
	case time.Since(last.At) > recently:
		c.Status, c.Detail = failed, "the Twitch sessions were last validated at "+last.At.UTC().Format(time.RFC3339)
	case last.Failed != nil:
		c.Status, c.Detail = degraded, "not all Twitch sessions could be validated at "+last.At.UTC().Format(time.RFC3339)
	default:
		c.Detail = "validated at " + last.At.UTC().Format(time.RFC3339)
	}
	return c
}

func (srv *Server) flagsReady() httpapi.Condition {
	c := httpapi.Condition{Name: "feature_flags", Status: ok}
	if s := srv.flags.Status(); s.Error != "" {
		c.Status, c.Detail = degraded, "the store cannot be read since "+s.Lost.UTC().Format(time.RFC3339)
	}
	return c
}
