// Package filestore keeps flags in one file, whatever form they have in it: the file
// is read when it has been left alone, followed as it changes, and replaced whole.
package filestore
