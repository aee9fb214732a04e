package sandbox

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// usersTable produces the users: a few banned, none of them staff.
func (c *community) usersTable() seedTable {
	row := make([]any, 11)
	i := 0
	return seedTable{
		name: "users",
		columns: []string{
			"id", "twitch_id", "username", "display_name", "email", "karma_points", "role", "is_banned",
			"created_at", "updated_at", "last_login_at",
		},
		next: func() []any {
			if i == c.users {
				return nil
			}
			d := c.dice(kindUser, ^i)
			role := c.role(i)
			display := d.pick(nameBegins) + d.pick(nameEnds)
			if i >= len(nameBegins) {
				display += strconv.Itoa(i)
			}
			username := strings.ToLower(display)
			var email any
			if d.percent(92) {
				email = username + "@example.com"
			}
			joined := c.joined(i)
			seen := d.moment(joined)
			row[0], row[1], row[2], row[3], row[4] = c.id(kindUser, i), twitchID(i), username, display, email
			row[5], row[6], row[7] = int32(d.skewed(25_000)), role, role == "user" && d.below(140) == 0
			row[8], row[9], row[10] = joined, seen, seen
			i++
			return row
		},
	}
}

func twitchID(i int) string { return strconv.Itoa(20_000_000 + i*37 + i%11) }

// clipsTable produces the clips.
func (c *community) clipsTable() seedTable {
	row := make([]any, 15)
	i := 0
	return seedTable{
		name: "clips",
		columns: []string{
			"id", "twitch_clip_id", "twitch_clip_url", "embed_url", "title", "creator_name", "creator_id",
			"broadcaster_name", "broadcaster_id", "view_count", "vote_score", "comment_count", "is_nsfw", "is_removed", "created_at",
		},
		next: func() []any {
			if i == c.clips {
				return nil
			}
			d := c.dice(kindClip, i)
			d.next() // the first two numbers are the id's
			d.next()
			clip := c.clip(i)
			creator := d.below(c.users)
			broadcaster := d.skewed(len(broadcasters))
			row[0], row[1], row[2], row[3] = c.id(kindClip, i), clip.slug, clip.url, "https://clips.twitch.tv/embed?clip="+clip.slug
			row[4], row[5], row[6] = clip.title, strings.ToLower(d.pick(nameBegins)+d.pick(nameEnds)), twitchID(creator)
			row[7], row[8] = broadcasters[broadcaster], strconv.Itoa(40_000_000+broadcaster)
			row[9], row[10], row[11] = int32(d.skewed(400_000)), int32(d.skewed(3_000)-40), int32(c.commentsOn(i))
			row[12], row[13], row[14] = d.percent(3), d.percent(1), clip.created
			i++
			return row
		},
	}
}

// clip is what other rows need to know of clip i.
type clip struct {
	slug, url, title string
	created          time.Time
}

func (c *community) clip(i int) clip {
	d := c.dice(kindClip, i)
	slug := fmt.Sprintf("%s%s%s-%011x", d.pick(slugBegins), d.pick(slugMiddles), d.pick(slugEnds), uint64(i)<<20|d.next()&0xfffff)
	return clip{
		slug: slug, url: "https://clips.twitch.tv/" + slug, title: d.title(),
		created: d.moment(communityEnd.Add(-communitySpan)),
	}
}

// title fills a pattern with a game and a player's name.
func (d *dice) title() string {
	return strings.NewReplacer("{game}", d.pick(games), "{who}", d.pick(broadcasters)).Replace(d.pick(titles))
}

// commentsTable produces the comments, clip by clip: a third of them answer an
// earlier one on the same clip.
func (c *community) commentsTable() seedTable {
	row := make([]any, 11)
	on, n, of := 0, 0, c.commentsOn(0)
	var written time.Time
	return seedTable{
		name: "comments",
		columns: []string{
			"id", "clip_id", "user_id", "parent_comment_id", "content", "vote_score", "is_edited", "is_removed",
			"removed_reason", "created_at", "updated_at",
		},
		next: func() []any {
			for n == of {
				if on++; on >= c.clips {
					return nil
				}
				n, of, written = 0, c.commentsOn(on), time.Time{}
			}
			d := c.dice(kindComment, ^commentIndex(on, n))
			if written.IsZero() {
				written = c.clip(on).created
			}
			written = written.Add(time.Duration(1+d.below(7200)) * time.Second)
			var parent, reason any
			if n > 0 && d.percent(35) {
				parent = c.id(kindComment, commentIndex(on, d.below(n)))
			}
			removed := d.percent(2)
			if removed {
				reason = d.pick(removalReasons)
			}
			row[0], row[1], row[2], row[3] = c.id(kindComment, commentIndex(on, n)), c.id(kindClip, on), c.id(kindUser, d.skewed(c.users)), parent
			row[4], row[5], row[6] = d.remark(), int32(d.skewed(160)-6), d.percent(6)
			row[7], row[8], row[9], row[10] = removed, reason, written, written
			n++
			return row
		},
	}
}

// commentIndex numbers the comments; a clip has fewer than 64.
func commentIndex(clip, n int) int { return clip<<6 | n }

// remark is a comment's text.
func (d *dice) remark() string {
	text := d.pick(remarks)
	if d.percent(30) {
		text += " " + d.pick(remarks)
	}
	return strings.ReplaceAll(text, "{game}", d.pick(games))
}

// submissionsTable produces the submissions: approved ones became clips, pending
// ones wait, rejected ones say why.
func (c *community) submissionsTable() seedTable {
	row := make([]any, 16)
	i := 0
	return seedTable{
		name: "clip_submissions",
		columns: []string{
			"user_id", "twitch_clip_id", "twitch_clip_url", "title", "custom_title", "tags", "is_nsfw", "submission_reason",
			"status", "rejection_reason", "reviewed_by", "reviewed_at", "creator_name", "broadcaster_name", "created_at", "updated_at",
		},
		next: func() []any {
			if i == c.submissions {
				return nil
			}
			d := c.dice(kindSubmission, i)
			c.fillSubmission(row, d, i)
			i++
			return row
		},
	}
}

func (c *community) fillSubmission(row []any, d *dice, i int) {
	user := d.skewed(c.users)
	made := d.moment(c.joined(user))
	status := d.status()
	of := c.clips + i // a clip Clipper does not have yet
	if status == "approved" {
		of = d.below(c.clips)
	}
	clip := c.clip(of)
	var custom, why, rejection, reviewer, reviewed any
	if d.percent(20) {
		custom = d.title()
	}
	if d.percent(45) {
		why = d.pick(submissionReasons)
	}
	updated := made
	if status != "pending" {
		updated = made.Add(time.Duration(10+d.below(60*48)) * time.Minute)
		reviewer, reviewed = c.id(kindUser, c.staff(d)), updated
	}
	if status == "rejected" {
		rejection = d.pick(rejectionReasons)
	}
	row[0], row[1], row[2], row[3], row[4] = c.id(kindUser, user), clip.slug, clip.url, clip.title, custom
	row[5], row[6], row[7] = []string{d.pick(tags), d.pick(games)}, d.percent(4), why
	row[8], row[9], row[10], row[11] = status, rejection, reviewer, reviewed
	row[12], row[13] = strings.ToLower(d.pick(nameBegins)+d.pick(nameEnds)), broadcasters[d.skewed(len(broadcasters))]
	row[14], row[15] = made, updated
}

// status of a submission: most are approved, some still wait.
func (d *dice) status() string {
	switch n := d.below(100); {
	case n < 15:
		return "pending"
	case n < 80:
		return "approved"
	default:
		return "rejected"
	}
}
