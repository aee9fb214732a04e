package rollback

// RowXID is the expression that makes a row's transaction a number of 64 bits.
const RowXID = rowXID
