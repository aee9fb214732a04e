package notify

import "context"

// Channel is a way to people.
type Channel interface {
	// Send tells them, once. It ends with ctx.
	Send(ctx context.Context, m Message) error
	// String names the channel, without anything secret.
	String() string
}
