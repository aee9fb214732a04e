package appeals

import (
	"time"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/database"
)

// Status is where an appeal stands.
type Status string

// Ruling is what a moderator makes of it.
type Ruling string

// The values, as the table's check has them.
const (
	Pending  Status = "pending"
	Approved Status = "approved"
	Rejected Status = "rejected"

	Approve Ruling = "approve"
	Reject  Ruling = "reject"
)

// Statuses and Rulings are all values.
var (
	Statuses = []Status{Pending, Approved, Rejected}
	Rulings  = []Ruling{Approve, Reject}
)

var becomes = map[Ruling]Status{Approve: Approved, Reject: Rejected}

// MaxText is the length of a reason or a resolution in characters.
const MaxText = 2000

// Appeal is what a user says against a decision.
type Appeal struct {
	ID         uuid.UUID  `json:"id"`
	UserID     uuid.UUID  `json:"user_id"`
	DecisionID uuid.UUID  `json:"moderation_action_id"`
	Reason     string     `json:"reason"`
	Status     Status     `json:"status"`
	ResolvedBy *uuid.UUID `json:"resolved_by"`
	Resolution *string    `json:"resolution"`
	CreatedAt  time.Time  `json:"created_at"`
	ResolvedAt *time.Time `json:"resolved_at"`
}

const columns = `id, user_id, moderation_action_id, reason, coalesce(status, 'pending'), resolved_by, resolution,
	coalesce(created_at, 'epoch'), resolved_at`

// Appeals reads and changes them. It is safe for use by many goroutines.
type Appeals struct {
	pool  *database.Pool
	audit *auditlog.Log
}

// New is the appeals in this database, with this record of what is done.
func New(pool *database.Pool, audit *auditlog.Log) *Appeals { return &Appeals{pool, audit} }
