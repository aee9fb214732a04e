package queue

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ListSQL is the list's statement with its arguments written into it, for EXPLAIN.
func ListSQL(f Filter, after *Key, limit int) string {
	query, args := listQuery(f, after, limit)
	for i := len(args); i > 0; i-- {
		var value string
		switch v := args[i-1].(type) {
		case time.Time:
			value = "'" + v.Format("2006-01-02 15:04:05.000000") + "'"
		case uuid.UUID:
			value = "'" + v.String() + "'"
		default:
			value = fmt.Sprint(v)
		}
		query = strings.ReplaceAll(query, fmt.Sprintf("$%d", i), value)
	}
	return query
}
