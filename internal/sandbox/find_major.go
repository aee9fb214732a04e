package sandbox

import (
	"context"
	"fmt"
	"slices"

	"github.com/clipper/clipperops/internal/ops"
)

// officialImage is the image of a version, fetched where none was asked for.
const officialImage = "postgres:%d-alpine"

// FindFor picks what a server will run on that is to hold what one of that major
// version holds: programs of the same version, else of the nearest newer, else a
// Docker engine. The error is a *ops.Failure (ExitRefused).
func FindFor(ctx context.Context, o ServerOptions, major int) (Installation, error) {
	var found []Installation
	if o.Backend != BackendDocker {
		for _, dir := range candidates(o, usualPlaces) {
			if i, err := inspect(ctx, dir); err == nil {
				found = append(found, i)
			}
		}
	}
	if best, ok := nearest(found, major); ok {
		return best, nil
	}
	if o.Backend != BackendLocal {
		if o.Image == "" {
			o.Image = fmt.Sprintf(officialImage, major)
		}
		engine, err := findDocker(ctx, o)
		if err == nil {
			return engine, nil
		}
	}
	if ctx.Err() != nil {
		return Installation{}, ctx.Err()
	}
	return Installation{}, noServerFor(o, found, major)
}

// nearest is the installation of that version, else the next newer.
func nearest(found []Installation, major int) (Installation, bool) {
	fit := slices.DeleteFunc(slices.Clone(found), func(i Installation) bool { return i.Major < major })
	if len(fit) == 0 {
		return Installation{}, false
	}
	return slices.MinFunc(fit, func(a, b Installation) int { return a.Major - b.Major }), true
}

// noServerFor is the refusal when nothing here can hold the clone.
func noServerFor(o ServerOptions, found []Installation, major int) error {
	f := &ops.Failure{
		Code:  ops.ExitRefused,
		What:  fmt.Sprintf("%s cannot hold the clone: no PostgreSQL %d or newer and no Docker engine on this machine", thePlace, major),
		State: []string{"nothing was touched"},
		Err:   missingServer(o),
	}
	for _, i := range found {
		f.Detail = append(f.Detail, fmt.Sprintf("%s is PostgreSQL %d, older than the target's", i.BinDir, i.Major))
	}
	if command := InstallCommand(o.PathEnv); command != "" && len(found) == 0 {
		f.Next = append(f.Next, command)
	}
	f.Next = append(f.Next, insteadSame)
	return f
}
