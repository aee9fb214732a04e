// Package sandbox makes throwaway PostgreSQL servers: found among the programs
// of the machine, else run by a Docker engine. On top of one it builds a
// believable Clipper database at version 10, for trying, demonstrating and
// measuring, and takes all of it away again.
package sandbox
