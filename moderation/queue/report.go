package queue

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/identity"
)

// Report is what a user says about some content.
type Report struct {
	ContentType ContentType
	ContentID   uuid.UUID
	Reason      string // 1 … MaxReason characters
}

// ReportEntry is the audit entry of a report, for those who refuse one earlier.
func ReportEntry(by identity.User, from auditlog.Origin, r Report) auditlog.Entry {
	e := auditlog.Entry{
		Action: auditlog.QueueReport, Actor: by.ID, EntityType: string(r.ContentType), EntityID: r.ContentID,
		Reason: r.Reason, Origin: from,
	}
	if e.EntityType == "" {
		e.EntityType = "queue_item"
	}
	return e
}

// Report opens a case, or adds to the one that is pending for this content: the
// report is counted and the reporter noted once. created says which it was.
func (q *Queue) Report(ctx context.Context, by identity.User, from auditlog.Origin, r Report) (item Item, created bool, err error) {
	entry := ReportEntry(by, from, r)
	err = q.audit.Do(ctx, &entry, func(ctx context.Context, tx pgx.Tx) error {
		// xmax is 0 for a row that this statement inserted, and not for one it updated.
		rows, err := tx.Query(ctx, `
			INSERT INTO moderation_queue AS q (content_type, content_id, reason, reported_by, report_count)
			VALUES ($1, $2, $3, ARRAY[$4::uuid], 1)
			ON CONFLICT (content_type, content_id) WHERE status = 'pending' DO UPDATE
			SET report_count = coalesce(q.report_count, 0) + 1,
			    reported_by = CASE WHEN $4 = ANY (q.reported_by) THEN q.reported_by ELSE array_append(q.reported_by, $4) END
			RETURNING `+itemColumns+`, xmax = 0`, r.ContentType, r.ContentID, r.Reason, by.ID)
		if err != nil {
			return err
		}
		type reported struct {
			Item
			Created bool
		}
		got, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[reported])
		if err != nil {
			return err
		}
		item, created = got.Item, got.Created
		entry.Details = map[string]any{"queue_item_id": item.ID, "report_count": item.ReportCount}
		return nil
	})
	return item, created, err
}
