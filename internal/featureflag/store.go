package featureflag

import (
	"context"
	"fmt"
)

// State is what a store holds at one moment. It is not changed once it is given
// out.
type State map[string]Flag

// Store holds flags.
type Store interface {
	// Load reads all flags now.
	Load(ctx context.Context) (State, error)
	// Watch reports every state that differs from the one before, and every failure
	// to read one, until ctx ends. The first report is of the state at its start. A
	// report with an error has no state: the last good one stays good.
	Watch(ctx context.Context, report func(State, error))
	// String names the store without its secrets: "env", "envfile /opt/clipper/.env".
	String() string
}

// Writer is a store that can be written.
type Writer interface {
	Store
	// Write replaces one flag and returns it as it is now, with its new version. It
	// is refused with a *Conflict when the flag is not the expected one any more.
	Write(ctx context.Context, change Change) (Flag, error)
}

// Change is a new state of one flag.
type Change struct {
	Flag   Flag   // as it is to be; its Version is not looked at
	Expect int64  // the version it was read with; 0 = there was no such flag
	By     string // who wants it, for the store's record
}

// Conflict says that somebody else has changed the flag meanwhile.
type Conflict struct {
	Have Flag   // what stands there now
	By   string // who did that; "" when the store does not know
}

func (e *Conflict) Error() string {
	who := e.By
	if who == "" {
		who = "somebody else"
	}
	return fmt.Sprintf("%s has changed the flag meanwhile: it is now %s; nothing was written", who, e.Have)
}
