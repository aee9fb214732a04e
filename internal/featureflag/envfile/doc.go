// Package envfile is the store of flags in a file of variables, like the .env that
// docker compose reads. A service follows the file as it changes; an operator's
// tool edits a flag's three variables in it and leaves everything else as it is,
// byte for byte.
//
// A line is NAME=value or NAME: value, with or without export before it. A value
// may stand in single or double quotes and go over several lines in them; $NAME and
// ${NAME} in it, not in single quotes, are variables from above in the file. What
// follows a # that stands behind a space is a comment. Line ends are LF or CRLF, and
// a byte order mark is passed over. Of a variable that is there twice the last one
// counts. A line that is a bare NAME, which docker compose takes from its own
// environment, is refused: the file alone has to say what is on.
//
// All variables that begin with FEATURE_ are flags, save FEATURE_STORE, FEATURE_FILE
// and FEATURE_FLAG: junk in one of them is an error of the whole file.
package envfile
