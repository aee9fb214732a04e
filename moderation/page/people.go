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
	TwitchID string // "" when there is none
	Last     *Last  // nil when nothing was done about the user in this channel
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

// Listing is one page of a channel's users.
type Listing struct {
	Channel string // the broadcaster's name; "" when Clipper does not know it
	People  []Person
	Next    *Key // where the next page begins; nil at the end
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

// tells are the outcomes of an operation that say how a user stands, or that it is not
// known: what was refused or has failed changed nothing.
const tells = `(metadata->>'outcome' IN ('applied', 'attempted') OR metadata->>'twitch' = 'uncertain')`

// List is one page of the users, by name. The channel's operations are read through
// once, for all users of the page.
func List(ctx context.Context, pool *database.Pool, q Query) (Listing, error) {
	var l Listing
	after := Key{}
	if q.After != nil {
		after = *q.After
	}
	err := pool.Read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		l = Listing{}
		err := tx.QueryRow(ctx, `
			SELECT coalesce((SELECT coalesce(nullif(display_name, ''), username) FROM users WHERE twitch_id = $1),
				(SELECT broadcaster_name FROM clips WHERE broadcaster_id = $1 ORDER BY created_at DESC LIMIT 1), '')`, q.Broadcaster).Scan(&l.Channel)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, seen+`,
			people AS (
				SELECT u.id, u.username, coalesce(nullif(u.display_name, ''), u.username) AS name, coalesce(u.twitch_id, '') AS twitch_id
				FROM present JOIN users u USING (id)
				WHERE lower(u.username) LIKE $3 AND (NOT $4 OR (u.username, u.id) > ($5, $6))
				ORDER BY u.username, u.id LIMIT $7
			),
			operations AS (
				SELECT DISTINCT ON (metadata->>'twitch_user_id') metadata->>'twitch_user_id' AS twitch_id, action,
					metadata->>'outcome' AS outcome, coalesce((metadata->>'duration_seconds')::bigint, 0) AS seconds, created_at
				FROM moderation_audit_logs
				WHERE channel_id IN ($2, (SELECT id FROM users WHERE twitch_id = $1)) AND action IN ('twitch_ban_user', 'twitch_unban_user')
					AND metadata->>'twitch_user_id' IN (SELECT twitch_id FROM people) AND `+tells+`
				ORDER BY metadata->>'twitch_user_id', created_at DESC, id DESC
			)
			SELECT p.id, p.username, p.name, p.twitch_id, o.action, o.outcome, o.seconds, o.created_at
			FROM people p LEFT JOIN operations o ON o.twitch_id = p.twitch_id
			ORDER BY p.username, p.id`,
			q.Broadcaster, auditlog.TwitchChannelID(q.Broadcaster), like(q.Prefix), q.After != nil, after.Username, after.ID, perPage+1)
		if err != nil {
			return err
		}
		l.People, err = pgx.CollectRows(rows, person)
		return err
	})
	if err == nil && len(l.People) > perPage {
		l.People = l.People[:perPage]
		last := l.People[perPage-1]
		l.Next = &Key{last.Username, last.ID}
	}
	return l, err
}

func person(row pgx.CollectableRow) (Person, error) {
	var p Person
	var action, outcome *string
	var seconds *int64
	var at *time.Time
	if err := row.Scan(&p.ID, &p.Username, &p.Name, &p.TwitchID, &action, &outcome, &seconds, &at); err != nil {
		return p, err
	}
	if action != nil && outcome != nil && seconds != nil && at != nil {
		p.Last = &Last{*action, *outcome, *seconds, *at}
	}
	return p, nil
}

// Name is what the user of Clipper with this Twitch id is called, "" when there is
// none.
func Name(ctx context.Context, pool *database.Pool, twitchID string) (string, error) {
	var name string
	err := pool.Read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT coalesce((SELECT coalesce(nullif(display_name, ''), username) FROM users WHERE twitch_id = $1), '')`, twitchID).Scan(&name)
	})
	return name, err
}

// like is the pattern of what begins so: what LIKE would read as a sign is meant
// as it stands.
func like(prefix string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(prefix)) + "%"
}
