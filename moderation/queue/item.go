package queue

import (
	"time"

	"github.com/google/uuid"
)

// ContentType is what a case is about.
type ContentType string

// Status is where a case stands.
type Status string

// Verdict is what a moderator decides.
type Verdict string

// The values, as the table's checks have them.
const (
	Comment    ContentType = "comment"
	Clip       ContentType = "clip"
	User       ContentType = "user"
	Submission ContentType = "submission"

	Pending   Status = "pending"
	Approved  Status = "approved"
	Rejected  Status = "rejected"
	Escalated Status = "escalated"

	Approve  Verdict = "approve"
	Reject   Verdict = "reject"
	Escalate Verdict = "escalate"
	BanUser  Verdict = "ban_user"
)

// ContentTypes, Statuses and Verdicts are all values, for checking and describing them.
var (
	ContentTypes = []ContentType{Comment, Clip, User, Submission}
	Statuses     = []Status{Pending, Approved, Rejected, Escalated}
	Verdicts     = []Verdict{Approve, Reject, Escalate, BanUser}
)

// becomes is the state that a verdict brings a case to. Who bans a user has
// rejected what the user wrote.
var becomes = map[Verdict]Status{Approve: Approved, Reject: Rejected, Escalate: Escalated, BanUser: Rejected}

// MaxReason is the length of a report's reason in characters; the column's.
const MaxReason = 50

// Item is a case.
type Item struct {
	ID              uuid.UUID   `json:"id"`
	ContentType     ContentType `json:"content_type"`
	ContentID       uuid.UUID   `json:"content_id"`
	Reason          string      `json:"reason"`
	Priority        int         `json:"priority"` // 0 … 100, the highest first
	Status          Status      `json:"status"`
	AssignedTo      *uuid.UUID  `json:"assigned_to"`
	ReportedBy      []uuid.UUID `json:"reported_by"`  // everybody once
	ReportCount     int         `json:"report_count"` // every report
	AutoFlagged     bool        `json:"auto_flagged"`
	ConfidenceScore *float64    `json:"confidence_score"` // 0 … 1, of what flagged it by itself
	CreatedAt       time.Time   `json:"created_at"`
	ReviewedAt      *time.Time  `json:"reviewed_at"`
	ReviewedBy      *uuid.UUID  `json:"reviewed_by"`
}

// itemColumns are the columns of an Item in its order. The table lets most of them
// be null; a row that somebody else wrote must not make the list fail.
const itemColumns = `id, content_type, content_id, reason, coalesce(priority, 50), coalesce(status, 'pending'), assigned_to,
	coalesce(reported_by, '{}'), coalesce(report_count, 0), coalesce(auto_flagged, false), confidence_score::float8,
	coalesce(created_at, 'epoch'), reviewed_at, reviewed_by`

// Decision is what was decided about a case.
type Decision struct {
	ID          uuid.UUID      `json:"id"`
	QueueItemID uuid.UUID      `json:"queue_item_id"`
	ModeratorID *uuid.UUID     `json:"moderator_id"`
	Action      Verdict        `json:"action"`
	Reason      *string        `json:"reason"`
	Metadata    map[string]any `json:"metadata"`
	CreatedAt   time.Time      `json:"created_at"`
}

const decisionColumns = `id, queue_item_id, moderator_id, action, reason, metadata, coalesce(created_at, 'epoch')`
