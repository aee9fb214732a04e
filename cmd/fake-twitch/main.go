// Command fake-twitch is a stand-in for Twitch's moderation API, for demonstrations: it
// keeps Twitch's rules, knows the tokens it is told, and fails when told to
// (/_control/…, see moderation/twitch/twitchtest). Nothing it does reaches Twitch.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake-twitch:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, and says on stdout where.
func run(ctx context.Context) error {
	listen := flag.String("listen", "127.0.0.1:0", "where to listen; anybody who reaches it may change what it holds")
	flag.Parse()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println("listening http://" + listener.Addr().String())
	server := &http.Server{Handler: twitchtest.New(twitchtest.Options{}), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() }) // whoever still asks is cut off
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
