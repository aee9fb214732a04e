package pg

// ScratchSQL is what scratch databases are listed by.
const ScratchSQL = scratchSQL
