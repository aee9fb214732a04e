package preflight_test

import (
	"io"
	"net"
	"strconv"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

func TestPooler(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	expect(t, situation(t, target), "db.pooler", ops.StatusPass, "a direct connection")
	target.SSLMode = "disable"
	r := expect(t, situation(t, behindPooler(t, target)), "db.pooler", ops.StatusFail, "through a pooler")
	advises(t, r, "DB_PORT=")
}

// behindPooler puts in front of the server what a transaction pooler shows to
// its clients: a process id of its own in BackendKeyData.
func behindPooler(t *testing.T, target config.Target) config.Target {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	address := net.JoinHostPort(target.Host, strconv.Itoa(int(target.Port)))
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", address)
			if err != nil {
				_ = client.Close()
				return
			}
			go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
			go func() { forgeKey(client, server); _ = client.Close() }()
		}
	}()
	target.Host, target.Port = "127.0.0.1", uint16(listener.Addr().(*net.TCPAddr).Port)
	return target
}

// forgeKey hands messages from the server to the client until the one with the
// key of the session ('K'), in which it changes the process id.
func forgeKey(client io.Writer, server io.Reader) {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(server, head); err != nil {
			return
		}
		body := make([]byte, int(head[1])<<24|int(head[2])<<16|int(head[3])<<8|int(head[4])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return
		}
		if head[0] == 'K' {
			body[3] ^= 1
		}
		if _, err := client.Write(append(head, body...)); err != nil {
			return
		}
		if head[0] == 'K' {
			_, _ = io.Copy(client, server)
			return
		}
	}
}
