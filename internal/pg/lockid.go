package pg

import "hash/crc32"

// OperatorLockID is the advisory lock of clipperops itself: "clippops" in ASCII.
// Advisory locks belong to one database, so one number is enough.
const OperatorLockID int64 = 0x636c6970706f7073

// migrateLockSalt is golang-migrate's, database/util.go.
const migrateLockSalt uint32 = 1486364155

// MigrateLockIDs returns the two advisory locks of golang-migrate. Its CLI opens
// a URL and hashes the path, "/clipper_db"; a program that hands it an open
// connection gets the hash of current_database(), "clipper_db": the two do not
// exclude each other. The first is the CLI's.
func MigrateLockIDs(database, schema, table string) [2]int64 {
	return [2]int64{migrateLockID("/"+database, schema, table), migrateLockID(database, schema, table)}
}

// migrateLockID is database.GenerateAdvisoryLockId(database, schema, table) of
// golang-migrate, which puts the database's name last; a test compares the two.
func migrateLockID(database, schema, table string) int64 {
	return int64(crc32.ChecksumIEEE([]byte(schema+"\x00"+table+"\x00"+database)) * migrateLockSalt)
}
