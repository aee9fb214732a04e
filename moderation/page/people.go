package page

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/database"
)

// perPage is how many users one page has.
const perPage = 50

// Person is a user of Clipper who was seen in the channel.
type Person struct {
	ID       uuid.UUID
	Username string
	Name     string // the display name, or else the username
	TwitchID string
	Role     string
	Last     *Last // nil when nothing was done about the user in this channel
}

// Last is the last Twitch operation about a user in one channel, however it ended.
type Last struct {
	Action  string // twitch_ban_user or twitch_unban_user
	Outcome string // as the audit log has it
	Seconds int64  // of a timeout; 0 = for good
	At      time.Time
}

// Key is where a page begins: after this user.
type Key struct {
	Username string
	ID       uuid.UUID
}

// Query says which users of which channel.
type Query struct {
	Broadcaster string // the channel's Twitch id
	Prefix      string // of the username, in any case; "" = all
	After       *Key   // nil = from the beginning
}

// seen are the users seen in a channel: whose clips it has, who made them, who
// handed them in, who spoke about them. Submissions name the broadcaster, as the
// channel's clips do.
const seen = `
	WITH here AS (SELECT id, twitch_clip_id, creator_id, broadcaster_name FROM clips WHERE broadcaster_id = $1),
	present AS (
		SELECT u.id FROM users u JOIN here ON u.twitch_id = here.creator_id
		UNION SELECT c.user_id FROM comments c JOIN here ON c.clip_id = here.id
		UNION SELECT s.user_id FROM clip_submissions s
			WHERE s.twitch_clip_id IN (SELECT twitch_clip_id FROM here) OR s.broadcaster_name IN (SELECT broadcaster_name FROM here)
			OR s.broadcaster_name IN (SELECT username FROM users WHERE twitch_id = $1)
	)`

// List is one page of the users, by name, and where the next one begins: nil at
// the end.
func List(ctx context.Context, pool *database.Pool, q Query) ([]Person, *Key, error) {
	var people []Person
	after := Key{}
	if q.After != nil {
		after = *q.After
	}
	err := pool.Read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		channel := auditlog.TwitchChannelID(q.Broadcaster)
		rows, err := tx.Query(ctx, seen+`
			SELECT u.id, u.username, coalesce(nullif(u.display_name, ''), u.username), u.twitch_id, coalesce(u.role, ''),
				l.action, l.outcome, l.seconds, l.created_at
			FROM present JOIN users u USING (id)
			LEFT JOIN LATERAL (
				SELECT a.action, coalesce(a.metadata->>'outcome', '') AS outcome, coalesce((a.metadata->>'duration_seconds')::bigint, 0) AS seconds, a.created_at
				FROM moderation_audit_logs a
				WHERE a.channel_id IN ($2, (SELECT id FROM users WHERE twitch_id = $1)) AND a.action IN ('twitch_ban_user', 'twitch_unban_user')
					AND a.metadata->>'twitch_user_id' = u.twitch_id
				ORDER BY a.created_at DESC, a.id DESC LIMIT 1
			) l ON true
			WHERE lower(u.username) LIKE $3 AND (NOT $4 OR (u.username, u.id) > ($5, $6))
			ORDER BY u.username, u.id LIMIT $7`,
			q.Broadcaster, channel, like(q.Prefix), q.After != nil, after.Username, after.ID, perPage+1)
		if err != nil {
			return err
		}
		people, err = pgx.CollectRows(rows, person)
		return err
	})
	if err != nil || len(people) <= perPage {
		return people, nil, err
	}
	people = people[:perPage]
	last := people[perPage-1]
	return people, &Key{last.Username, last.ID}, nil
}

func person(row pgx.CollectableRow) (Person, error) {
	var p Person
	var action, outcome *string
	var seconds *int64
	var at *time.Time
	if err := row.Scan(&p.ID, &p.Username, &p.Name, &p.TwitchID, &p.Role, &action, &outcome, &seconds, &at); err != nil {
		return p, err
	}
	if action != nil && outcome != nil && seconds != nil && at != nil {
		p.Last = &Last{*action, *outcome, *seconds, *at}
	}
	return p, nil
}

// like is the pattern of what begins so: what LIKE would read as a sign is meant
// as it stands.
func like(prefix string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(prefix)) + "%"
}
