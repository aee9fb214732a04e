// Package flagdtest asks flagd's own engine what it makes of the files that package
// flagd writes.
package flagdtest
