// Package sqlscan takes SQL apart the way PostgreSQL's own scanner does: into
// tokens whose texts, put together again, are the input, and into statements
// with their places in it.
//
// It knows comments (nested), every kind of quotation, bodies of SQL-standard
// functions (BEGIN ATOMIC … END) and the rows that follow COPY … FROM stdin, so
// that a semicolon ends a statement here exactly where it does on the server. It
// assumes standard_conforming_strings, as every server since 9.1 does.
//
// It is no parser: what a statement means is for the server to say.
package sqlscan
