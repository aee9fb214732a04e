// Package migrations carries the SQL that clipperops ships: a baseline to stand
// on (000010) and the five files of the moderation release. It holds the files
// and nothing else; whoever reads them goes by golang-migrate's naming.
package migrations

import "embed"

// FS holds every migration as NNNNNN_name.up.sql and NNNNNN_name.down.sql, at
// the root of the file system.
//
//go:embed *.sql
var FS embed.FS
