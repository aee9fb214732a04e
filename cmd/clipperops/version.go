package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/clipper/clipperops/internal/ops"
)

// version is that of clipperops; CHANGELOG.md has an entry for each.
const version = "0.1.0"

// build is set by the linker: the commit the binary was made from.
var build string

func versionCommand() command {
	return command{
		name:     "version",
		usage:    "which clipperops this is",
		examples: []string{"clipperops version"},
		codes:    []ops.ExitCode{ops.ExitUsage},
		action: func(i *invocation) error {
			_, err := fmt.Fprintf(i.process.out, "clipperops %s (%s, %s %s/%s)\n",
				version, commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// commit names the source the binary was built from.
func commit() string {
	if build != "" {
		return build
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return s.Value[:12]
			}
		}
	}
	return "built from source"
}
