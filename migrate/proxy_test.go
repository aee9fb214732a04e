package migrate_test

import (
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/clipper/clipperops/internal/config"
)

// cutter is a proxy in front of the server that breaks its first connection, as a
// network or a SIGKILL does: at the cut-th message that has something executed, before
// the server gets it, or once the server has begun to answer, which the client never
// sees. Later connections pass.
type cutter struct {
	listener net.Listener
	server   string
	cut      int
	answered bool

	mu    sync.Mutex
	conns int
	// happened is set once the connection was cut.
	happened bool
}

// behindCutter returns the target as seen through a cutter.
func behindCutter(t testing.TB, target config.Target, cut int, answered bool) (config.Target, *cutter) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{
		listener: l, cut: cut, answered: answered,
		server: net.JoinHostPort(target.Host, strconv.Itoa(int(target.Port))),
	}
	var running sync.WaitGroup
	running.Go(func() { c.accept(&running) })
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	target.Host = "127.0.0.1"
	target.Port = uint16(l.Addr().(*net.TCPAddr).Port)
	return target, c
}

func (c *cutter) cutIt() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.happened
}

func (c *cutter) accept(running *sync.WaitGroup) {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		// A cancel request is a connection too; the first is the one that migrates.
		c.mu.Lock()
		c.conns++
		first := c.conns == 1
		c.mu.Unlock()
		both := func() { _, _ = client.Close(), server.Close() }
		if !first {
			running.Go(func() { _, _ = io.Copy(server, client); both() })
			running.Go(func() { _, _ = io.Copy(client, server); both() })
			continue
		}
		cut := make(chan struct{})
		running.Go(func() { c.forward(client, server, cut); both() })
		running.Go(func() { backward(client, server, cut); both() })
	}
}

// forward passes the client's messages on, and counts.
func (c *cutter) forward(client, server net.Conn, cut chan struct{}) {
	executes := false
	for n, startup := 0, true; ; {
		message, kind, err := readMessage(client, startup)
		if err != nil {
			return
		}
		startup = false
		executes = executes || kind == 'E'
		// The server answers a Query, and a Sync; one without Execute only describes.
		counts := kind == 'Q' || kind == 'S' && executes
		if counts {
			n++
			executes = false
		}
		if counts && n == c.cut {
			c.mu.Lock()
			c.happened = true
			c.mu.Unlock()
			close(cut)
			if c.answered {
				_, _ = server.Write(message)
				_, _ = io.Copy(io.Discard, oneRead{server}) // it has done what was asked
			}
			return
		}
		if _, err := server.Write(message); err != nil {
			return
		}
	}
}

// oneRead ends after what the server sends first.
type oneRead struct{ net.Conn }

func (r oneRead) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	if err == nil {
		err = io.EOF
	}
	return n, err
}

// backward passes answers until the cut.
func backward(client, server net.Conn, cut chan struct{}) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		select {
		case <-cut:
			return
		default:
		}
		if err != nil {
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func readMessage(r io.Reader, startup bool) (message []byte, kind byte, err error) {
	head := make([]byte, 5)
	if startup {
		head = head[:4]
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, 0, err
	}
	length := int(binary.BigEndian.Uint32(head[len(head)-4:])) - 4
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, 0, err
	}
	return append(head, body...), head[0], nil
}
