// Command moderation-api is Clipper's moderation API: the service that clipperops
// deploys, gates and rolls back.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// build is set by the linker.
var build = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := program{env: os.LookupEnv, environ: os.Environ(), out: os.Stdout, err: os.Stderr}
	code := p.run(ctx, os.Args)
	stop()
	os.Exit(code)
}
