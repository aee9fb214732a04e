package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/clipper/clipperops/moderation/appeals"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/metrics"
	"github.com/clipper/clipperops/moderation/queue"
)

// Dependencies are what the API works with. Those without a default must be set.
type Dependencies struct {
	Verifier *identity.Verifier
	Users    *identity.Users
	Queue    *queue.Queue
	Appeals  *appeals.Appeals
	Audit    *auditlog.Log
	Metrics  *metrics.Metrics
	Log      *slog.Logger

	// Ready says whether the service can do its work; see /ready.
	Ready func(context.Context) Readiness
	// Maintenance says whether writes are off for now.
	Maintenance func() bool
	// TrustedProxies are those whose X-Forwarded-For is believed; default none.
	TrustedProxies []netip.Prefix
}

// api is the handlers.
type api struct{ Dependencies }

// New is the API's handler.
func New(d Dependencies) http.Handler {
	a := &api{d}
	mux := http.NewServeMux()
	for _, r := range a.routes() {
		for _, path := range r.paths {
			mux.Handle(r.method+" "+path, a.serve(r, path))
		}
	}
	return a.outermost(a.fallback(mux))
}
