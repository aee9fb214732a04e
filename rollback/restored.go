package rollback

// Restored is what Restore put back.
type Restored struct {
	// Tables are those that were dropped and have their rows again.
	Tables []RestoredTable
	// Columns are those that were dropped from tables that stayed, and have their values again.
	Columns []RestoredColumns
	// Standing are tables that the rollback did not come to, or whose file was undone: they are
	// still the very ones that were archived, and so they are left alone.
	Standing []Relation
	// Left are tables whose rows the down files may have changed, and that stayed. What is in
	// them now may be newer than the archive, and so it is left to a person.
	Left []Relation
}

// RestoredTable is a table and how many rows were put back.
type RestoredTable struct {
	Relation
	Rows int64
}

// RestoredColumns are columns of a table, and in how many rows their values were put back.
type RestoredColumns struct {
	Relation
	Columns []string
	Rows    int64
}

// Rows is how many rows were put back.
func (r Restored) Rows() int64 {
	var n int64
	for _, t := range r.Tables {
		n += t.Rows
	}
	return n
}
