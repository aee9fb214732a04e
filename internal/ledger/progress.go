package ledger

// Schema is where the ledger's tables are.
const Schema = "clipperops"

// ProgressTables are the tables, as schema and name, whose rows say how far a file
// has come that cannot run in a transaction. A copy of the schema that is to go on
// from there needs them as well.
func ProgressTables() [][2]string {
	return [][2]string{{Schema, "schema_version"}, {Schema, "statements"}}
}
