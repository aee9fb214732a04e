package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// Plan is what is going to be done: these files, in this order, and nothing
// else. It is a value: what a dry run shows is what Apply carries out.
type Plan struct {
	Direction Direction
	// From and To are versions; -1 is none.
	From, To int64
	// Files are in the order they run.
	Files []File
	// SHA256 is the Digest at the time the plan was made.
	SHA256 string
	// Source names the directory the files were read from.
	Source string
	// Resumes says that the first file is one that an interrupted run began.
	Resumes bool
}

// Nothing reports whether there is nothing to do.
func (p *Plan) Nothing() bool { return len(p.Files) == 0 }

// Foreign returns the files that do not belong to the release.
func (p *Plan) Foreign() []File {
	var foreign []File
	for _, f := range p.Files {
		if !f.Release {
			foreign = append(foreign, f)
		}
	}
	return foreign
}

// Digest is the SHA-256, in hex, over everything that decides what Apply does:
// direction, versions, and each file's name, contents and place to resume at.
func (p *Plan) Digest() string {
	h := sha256.New()
	line := func(format string, args ...any) { _, _ = io.WriteString(h, fmt.Sprintf(format, args...)+"\n") }
	line("clipperops plan v1")
	line("%s %d %d %t", p.Direction, p.From, p.To, p.Resumes)
	for _, f := range p.Files {
		line("%d %s %q %s %t %d %d %q", f.Version, f.Direction, f.FileName, checksum(f.Body), f.Transactional, f.After, f.Done, f.modes)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// seal gives the plan its checksum.
func (p *Plan) seal() *Plan {
	p.SHA256 = p.Digest()
	return p
}
