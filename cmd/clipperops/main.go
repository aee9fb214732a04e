// Command clipperops ships a feature that comes with migrations and a
// percentage: it checks, saves, applies, proves, and goes back.
package main

import (
	"os"

	"github.com/clipper/clipperops/internal/config"
)

func main() {
	p := process{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ()}
	// They are settings like any other and are read from p once; left in place
	// they would speak a second time, to the driver and to child programs.
	for _, name := range config.LibpqVariables() {
		_ = os.Unsetenv(name) // fails for names that cannot be set either
	}
	os.Exit(int(run(os.Args[1:], p)))
}
