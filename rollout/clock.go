package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// DatabaseTime is the server's clock.
func DatabaseTime(ctx context.Context, conn *pgx.Conn) (now time.Time, err error) {
	err = conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now)
	return now, err
}

// clocksApart is how far apart this machine's clock and the record's may be before people
// are told.
const clocksApart = 5 * time.Second

// Stamp is the present by the record's clock. Several machines write and read when a stay
// began, and how long it has to last: they do so by one clock.
func (c *Controller) Stamp() time.Time { return c.Now().Add(c.ahead).UTC() }

// Here is when a moment of the record was by this machine's clock, which metrics are asked by.
func (c *Controller) Here(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-c.ahead)
}

// ClocksApart says that this machine's clock is not the record's; "" where it is.
func (c *Controller) ClocksApart() string {
	if c.ahead.Abs() < clocksApart {
		return ""
	}
	where := "ahead of"
	if c.ahead > 0 {
		where = "behind"
	}
	return fmt.Sprintf("the clock of %s is %s %s the database's", c.Host, length(c.ahead.Abs()), where)
}

// compareClocks asks the record's clock. One that cannot be asked in a moment says nothing new.
func (c *Controller) compareClocks(ctx context.Context) {
	if c.RecordTime == nil || c.Record == nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, recordPatience)
	defer cancel()
	asked := c.Now()
	there, err := c.RecordTime(limited, c.Record.conn)
	way := c.Now().Sub(asked)
	if err == nil && way >= 0 && way < time.Second {
		c.ahead = there.Sub(asked.Add(way / 2)).Round(time.Second)
	}
}
