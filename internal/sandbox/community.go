package sandbox

import (
	"encoding/binary"
	"time"
)

// community is a believable Clipper of a given size. Every row is a function of
// the seed and its index, so that any row can refer to any other without
// anything being remembered.
type community struct {
	seed        uint64
	users       int
	clips       int
	submissions int
	comments    int
}

// The newest row of a community is a little older than this; fixed, so that the
// same size always gives the same rows.
var communityEnd = time.Date(2026, 1, 12, 9, 0, 0, 0, time.UTC)

// communitySpan is how long the community has existed by then.
const communitySpan = 3 * 365 * 24 * time.Hour

// Shares of a community: one clip for four users, one submission for three, a
// moderator among a hundred, an admin among five thousand.
const (
	usersPerClip       = 4
	usersPerSubmission = 3
	usersPerModerator  = 100
	usersPerAdmin      = 5000
)

func newCommunity(seed uint64, users int) *community {
	c := &community{seed: seed, users: users}
	c.clips = max(1, users/usersPerClip)
	c.submissions = max(1, users/usersPerSubmission)
	for i := range c.clips {
		c.comments += c.commentsOn(i)
	}
	return c
}

func (c *community) rows() int64 {
	return int64(c.users) + int64(c.clips) + int64(c.comments) + int64(c.submissions)
}

// kind keeps the rows of different tables apart in everything random about them.
type kind uint64

const (
	kindUser kind = iota + 1
	kindClip
	kindComment
	kindSubmission
)

// id is the primary key of row i: a valid random (version 4) UUID.
func (c *community) id(k kind, i int) [16]byte {
	d := c.dice(k, i)
	var u [16]byte
	binary.BigEndian.PutUint64(u[:8], d.next())
	binary.BigEndian.PutUint64(u[8:], d.next())
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

// dice is a splitmix64 generator (Steele, Lea, Flood 2014): tiny to seed, which
// happens once per row.
type dice uint64

// dice returns the generator of row i.
func (c *community) dice(k kind, i int) *dice {
	d := dice(c.seed ^ uint64(k)<<56 ^ uint64(i)*0x9e3779b97f4a7c15)
	d.next()
	return &d
}

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns 0 ≤ n < limit.
func (d *dice) below(limit int) int { return int(d.next() % uint64(limit)) }

// percent is true so many times in a hundred.
func (d *dice) percent(p int) bool { return d.below(100) < p }

// skewed returns 0 ≤ n < limit, small numbers far more often: a few are very
// active or popular, most hardly.
func (d *dice) skewed(limit int) int {
	f := float64(d.next()>>11) / (1 << 53)
	return int(f * f * f * float64(limit))
}

// pick returns one of the choices.
func (d *dice) pick(choices []string) string { return choices[d.below(len(choices))] }

// moment returns a time after from, towards the end of the community.
func (d *dice) moment(from time.Time) time.Time {
	left := communityEnd.Sub(from)
	if left <= 0 {
		return communityEnd
	}
	return from.Add(time.Duration(d.next() % uint64(left))).Truncate(time.Microsecond)
}

// joined is when user i signed up: early users have small numbers.
func (c *community) joined(i int) time.Time {
	begin := communityEnd.Add(-communitySpan)
	share := time.Duration(float64(communitySpan) * 0.99 * float64(i) / float64(c.users))
	return begin.Add(share).Truncate(time.Microsecond)
}

// role of user i. The first user is an admin, so that there is one.
func (c *community) role(i int) string {
	switch {
	case i%usersPerAdmin == 0:
		return "admin"
	case i%usersPerModerator == min(7, c.users-1):
		return "moderator"
	default:
		return "user"
	}
}

// staff returns the index of some moderator, or the admin where there is none.
func (c *community) staff(d *dice) int {
	first := min(7, c.users-1)
	moderators := (c.users - 1 - first) / usersPerModerator
	return first + usersPerModerator*d.below(moderators+1)
}

// commentsOn is how many comments clip i has: eight on average, few for most.
func (c *community) commentsOn(i int) int {
	return c.dice(kindClip, ^i).skewed(33)
}
