package httpapi

import (
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
)

// features is what GET /api/v1/features says: each flag as this instance sees it.
type features struct {
	Instance string    `json:"instance"`
	Store    string    `json:"store"`
	Stale    bool      `json:"stale"` // the store cannot be read; what is shown is the last good state
	Error    string    `json:"error"` // why not
	Flags    []feature `json:"flags"`
}

// feature is one flag. How many users it names is told, not who they are: everybody
// may ask.
type feature struct {
	Key        string                 `json:"key"`
	Enabled    bool                   `json:"enabled"`
	Percentage featureflag.Percentage `json:"percentage"`
	Users      int                    `json:"enabled_users"`
	Version    int64                  `json:"version"`
	Since      time.Time              `json:"since"` // since when it is so here
}

// features answers without the database: those who wait for a change to arrive ask
// every instance often.
func (a *api) features(*request) (answer, error) {
	status := a.Flags()
	f := features{Instance: a.Instance, Store: status.Store, Flags: []feature{}}
	if status.Error != "" {
		// The error itself names hosts and files; it is in the log.
		f.Stale = true
		f.Error = "the store cannot be read since " + status.Lost.UTC().Format(time.RFC3339) + "; these are the last good flags"
	}
	for _, v := range status.Flags {
		f.Flags = append(f.Flags, feature{v.Key, v.Enabled, v.Percentage, len(v.Users()), v.Version, v.Since.UTC()})
	}
	return answer{body: f}, nil
}
