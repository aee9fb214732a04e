// Package preflight answers one question: may it proceed? Checks looks at the
// settings, the files, the server, what the release needs, the state of the
// database and what is going on in it. It changes nothing and blocks nobody.
//
// Each check is one entry of the table in its group's file; adding one is adding
// an entry. What preflight must know of other verbs (the plan, the state, the
// problems of the files) it takes as plain values in Input.
package preflight
