package rehearsal

// Advice is what to do instead of a statement that stops an application.
type Advice struct {
	// Trap is the kind of statement it is, as docs/rehearsal.md lists them.
	Trap string
	// Safe is the safe form: SQL where it could be made of the statement, words otherwise.
	Safe string
}

// trap is a kind of statement that stops an application, breaks it or loses its data.
type trap struct {
	// name is the kind, as docs/rehearsal.md lists it.
	name string
	// lock is the strongest mode it takes on a table that is in use, NoLock when it
	// takes none; on is which table that is, where it is not the statement's own. note is
	// what else has to be known.
	lock     LockMode
	on, note string
	// rewrites and scans say what else it does to that table.
	rewrites, scans bool
	// instead is the safe form in general.
	instead string
	// find returns the safe form of the statement when it is one of the kind, "" otherwise.
	find func(*command) string
}

// traps are the kinds in the order they are looked for; one statement can be of several.
var traps = []trap{
	{
		name: "CREATE INDEX", lock: Share, scans: true,
		instead: "CREATE INDEX CONCURRENTLY, alone in its file", find: createIndex,
	},
	{
		name: "DROP INDEX", lock: AccessExclusive,
		instead: "DROP INDEX CONCURRENTLY, alone in its file", find: dropIndex,
	},
	{
		name: "REINDEX", lock: Share, on: "the table, ACCESS EXCLUSIVE on the index", scans: true,
		instead: "REINDEX … CONCURRENTLY, alone in its file", find: reindex,
	},
	{
		name: "ADD COLUMN serial, identity or GENERATED … STORED", lock: AccessExclusive, rewrites: true,
		instead: "a plain column, filled in batches", find: addGenerated,
	},
	{
		name: "ADD COLUMN with a volatile default", lock: AccessExclusive, rewrites: true,
		instead: "add it without default, set the default, fill the old rows in batches", find: addVolatile,
	},
	{
		name: "ADD COLUMN NOT NULL without default", lock: AccessExclusive, scans: true, note: "fails on rows",
		instead: "a constant default", find: addNotNull,
	},
	{
		name: "ALTER COLUMN TYPE", lock: AccessExclusive, rewrites: true, note: "none for a longer varchar, text, more numeric digits",
		instead: "a new column, written beside the old one, then swapped", find: changeType,
	},
	{
		name: "SET NOT NULL", lock: AccessExclusive, scans: true,
		instead: "CHECK (… IS NOT NULL) NOT VALID; VALIDATE; SET NOT NULL; drop the check", find: setNotNull,
	},
	{
		name: "ADD CHECK", lock: AccessExclusive, scans: true,
		instead: "NOT VALID, then VALIDATE CONSTRAINT in a later file", find: addCheck,
	},
	{
		name: "ADD FOREIGN KEY", lock: ShareRowExclusive, on: "both tables", scans: true,
		instead: "NOT VALID, then VALIDATE CONSTRAINT in a later file", find: addForeignKey,
	},
	{
		name: "CREATE TABLE … REFERENCES", lock: ShareRowExclusive, on: "the table referred to",
		instead: "a short transaction; or the key later, NOT VALID", find: tableReferring,
	},
	{
		name: "ADD UNIQUE, ADD PRIMARY KEY", lock: AccessExclusive, scans: true,
		instead: "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX", find: addUnique,
	},
	{
		name: "ADD EXCLUDE", lock: AccessExclusive, scans: true,
		instead: "none while the table is in use: plan a window", find: addExclude,
	},
	{
		name: "RENAME of a table or column", lock: AccessExclusive, note: "breaks clients",
		instead: "expand and contract: both names for a while", find: rename,
	},
	{
		name: "RENAME of an enum's value", note: "breaks clients",
		instead: "a new value beside the old one", find: renameValue,
	},
	{
		name: "DROP COLUMN", lock: AccessExclusive, note: "data is lost",
		instead: "stop reading and writing it first; archive", find: dropColumn,
	},
	{
		name: "DROP TABLE", lock: AccessExclusive, on: "the table and those its foreign keys refer to", note: "data is lost",
		instead: "drop the foreign keys it has first, each in a short transaction; archive", find: dropTable,
	},
	{
		name: "TRUNCATE", lock: AccessExclusive, note: "data is lost",
		instead: "DELETE in batches; archive", find: truncate,
	},
	{
		name: "VACUUM FULL, CLUSTER", lock: AccessExclusive, rewrites: true,
		instead: "pg_repack", find: vacuumFull,
	},
	{
		name: "SET LOGGED, SET UNLOGGED", lock: AccessExclusive, rewrites: true,
		instead: "plan a window", find: setLogged,
	},
	{
		name: "DETACH PARTITION", lock: AccessExclusive, on: "the parent",
		instead: "DETACH PARTITION … CONCURRENTLY, alone in its file: AE on the partition alone, at its end", find: detachPartition,
	},
	{
		name: "CREATE TABLE … PARTITION OF", lock: AccessExclusive, on: "the parent",
		instead: "CREATE TABLE … (LIKE parent), then ATTACH PARTITION", find: partitionOf,
	},
	{
		name: "REFRESH MATERIALIZED VIEW", lock: AccessExclusive, on: "the view", rewrites: true,
		instead: "REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index", find: refresh,
	},
	{
		name: "CREATE TRIGGER", lock: ShareRowExclusive,
		instead: "a short transaction: a file of its own", find: createTrigger,
	},
	{
		name: "domain with a constraint", lock: Share, on: "the tables that use it", scans: true,
		instead: "a CHECK on the column, NOT VALID, then VALIDATE CONSTRAINT", find: domainConstraint,
	},
	{
		name: "ADD VALUE used in the same transaction", note: "fails",
		instead: "a file of its own for ALTER TYPE … ADD VALUE", find: func(*command) string { return "" },
	},
	{
		name: "UPDATE or DELETE beside DDL", lock: RowExclusive, scans: true, note: "the DDL's lock is held as long as it runs",
		instead: "separate files; batches", find: writesBesideDDL,
	},
	{
		name: "SET lock_timeout longer than 2 s, or none", note: "others wait behind it for that long",
		instead: "leave it to clipperops: it waits briefly, gives way and tries again", find: setLockTimeout,
	},
}

// adviseOn returns the advice on a statement, the most telling first; none when it has a
// form that is known to be safe, or none that is better.
func adviseOn(c *command) []Advice {
	if len(c.tokens) == 0 {
		return nil
	}
	var all []Advice
	for _, t := range traps {
		if safe := t.find(c); safe != "" {
			all = append(all, Advice{Trap: t.name, Safe: safe})
		}
	}
	if len(all) == 0 && c.rewrote {
		all = append(all, Advice{
			Trap: "rewrite",
			Safe: "a new table or column, written beside the old one, filled in batches, then swapped",
		})
	}
	return all
}

// valueUsedTooEarly is the SQLSTATE of an enum's value that the same transaction added.
const valueUsedTooEarly = "55P04"

// mendOf is how to mend a file that failed with that SQLSTATE, "" when it is not known.
func mendOf(sqlState string) string {
	switch sqlState {
	case valueUsedTooEarly:
		return "put ALTER TYPE … ADD VALUE into a file of its own, before the one that uses the value"
	case "2BP01": // dependent_objects_still_exist
		return "drop what depends on it first, or say CASCADE where that is what is meant"
	}
	return ""
}
