package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/moderation/appeals"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/bans"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/metrics"
	webpage "github.com/clipper/clipperops/moderation/page"
	"github.com/clipper/clipperops/moderation/queue"
)

// Dependencies are what the API works with. Those without a default must be set.
type Dependencies struct {
	Verifier *identity.Verifier
	Users    *identity.Users
	Queue    *queue.Queue
	Appeals  *appeals.Appeals
	Bans     *bans.Service
	Pool     *database.Pool // what the page of users reads from
	Audit    *auditlog.Log
	Metrics  *metrics.Metrics
	Log      *slog.Logger

	// Flags are the flags as this instance sees them, for /api/v1/features.
	Flags func() featureflag.Status
	// Instance is this instance's name among several.
	Instance string
	// Flag says whether moderating Twitch channels is on for this user, now. The
	// services ask again.
	Flag func(user uuid.UUID) bool
	// Ready says whether the service can do its work; see /ready.
	Ready func(context.Context) Readiness
	// Maintenance says whether writes are off for now.
	Maintenance func() bool
	// Seals seal the page's forms and notices.
	Seals *webpage.Seals
	// TrustedProxies are those whose X-Forwarded-For is believed; default none.
	TrustedProxies []netip.Prefix
}

// api is the handlers.
type api struct{ Dependencies }

// New is the API's handler.
func New(d Dependencies) http.Handler {
	a := &api{d}
	mux := http.NewServeMux()
	for _, r := range slices.Concat(a.routes(), a.twitchRoutes(), a.pageRoutes()) {
		for _, path := range r.paths {
			mux.Handle(r.method+" "+path, a.serve(r, path))
		}
	}
	return a.outermost(a.fallback(mux))
}
