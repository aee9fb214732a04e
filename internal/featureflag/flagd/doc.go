// Package flagd is the store of flags in flagd's flag definition file, for whoever
// carries that file to any number of services: flagd itself, its in-process providers,
// OpenFeature's operator. They decide as Flag.On does, for every user; a test asks
// flagd's own engine.
//
// A flag that this package writes is on for the users it names and by flagd's
// fractional operation for the others, in steps of 0.01%. Other flags in the file may
// be anything, and stay as they are byte for byte; they are not flags of this store.
//
// docs/flagd.md shows the file and how flagd is pointed at it.
package flagd
