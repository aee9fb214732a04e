// Package release says what is shipped: which migrations belong to a feature,
// what must stand before them, what stands after them, and how to tell.
//
// A release is data, one YAML file. moderation.yaml is embedded; another feature
// is another file, and no code knows either by name. The package reads and
// judges the file; it never talks to a database.
package release
