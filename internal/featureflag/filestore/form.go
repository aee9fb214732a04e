package filestore

import "github.com/clipper/clipperops/internal/featureflag"

// Form is how flags stand in a file.
type Form interface {
	// Name begins the store's.
	Name() string
	// MaxLength is how long a file may be.
	MaxLength() int64
	// Parse reads the flags, each with its version. An error quotes nothing long of
	// the file; the file's name is put before it.
	Parse(content []byte) (featureflag.State, error)
	// Edit is the content with one flag set and everything else as it was.
	Edit(content []byte, f featureflag.Flag) ([]byte, error)
}
