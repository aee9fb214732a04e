package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/clipper/clipperops/moderation/settings"
)

// healthcheck asks the instance on this machine whether it is ready: an image
// without a shell has no curl.
func (p *program) healthcheck(ctx context.Context, args []string) error {
	if err := noArguments("healthcheck", args); err != nil {
		return err
	}
	address, ok := p.env("MODERATION_ADDR")
	if !ok || address == "" {
		address = settings.DefaultAddr
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return usage("MODERATION_ADDR is %q; expected host:port", address)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/ready", nil)
	if err != nil {
		return usage("MODERATION_ADDR is %q; expected host:port", address)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("the instance does not answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the instance is not ready: it answered %s", response.Status)
	}
	return nil
}
