// Package backup saves a database and proves that it is saved: a plain pg_dump,
// compressed, published under its name only when complete, with a manifest
// beside it that says what the file must hash to and how many rows of every
// table it must hold; and a restore that holds the file to its word.
//
// A backup db-20260213-031502.sql.gz is what scripts and people already know:
// gunzip it into psql. The time is UTC. Until it is complete it is called
// db-20260213-031502.sql.gz.partial.
package backup
