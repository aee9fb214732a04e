// Package envfile is the store of flags in a file of variables, like the .env that
// docker compose reads. A service follows the file as it changes; an operator's
// tool edits a flag's three variables in it and leaves everything else as it is,
// byte for byte.
package envfile
