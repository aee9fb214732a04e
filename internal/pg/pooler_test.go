package pg_test

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

func TestADirectConnectionIsNotPooled(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t), pg.ConnOptions{})
	pooled, err := pg.Pooled(t.Context(), conn)
	if err != nil || pooled {
		t.Errorf("pooled %v, error %v", pooled, err)
	}
	if err := pg.RequireDirect(t.Context(), conn); err != nil {
		t.Error(err)
	}
}

func TestAPoolerIsSeenByItsKeyAndTheLockIsRefused(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	behind := behindPooler(t, target)
	pooled, err := pg.Pooled(t.Context(), connect(t, behind, pg.ConnOptions{}))
	if err != nil || !pooled {
		t.Errorf("pooled %v, error %v; want pooled", pooled, err)
	}
	_, err = pg.Lock(t.Context(), behind, pg.LockRequest{Application: "test"})
	var pooler *pg.PoolerError
	if !errors.As(err, &pooler) || ops.CodeOf(err) != ops.ExitRefused {
		t.Fatalf("error %v, want the lock refused", err)
	}
	port := pgtest.QueryValue[int](t, target, "SELECT inet_server_port()")
	if pooler.Port != port || !strings.Contains(pooler.Fix(), "DB_PORT=") {
		t.Errorf("direct port %d, want %d; fix %q", pooler.Port, port, pooler.Fix())
	}
}

// behindPooler puts between us and the real server what PgBouncer does to a
// session's start: the client is given a key of the pooler's own, not the
// server's. It listens for as long as the test runs.
func behindPooler(t *testing.T, target config.Target) config.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	direct := net.JoinHostPort(target.Host, strconv.Itoa(int(target.Port)))
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go relay(client, direct)
		}
	}()
	target.Host, target.Port = "127.0.0.1", uint16(l.Addr().(*net.TCPAddr).Port)
	return target
}

func relay(client net.Conn, direct string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", direct)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client) // ends with either side
		_ = server.Close()
	}()
	for {
		m, err := readMessage(server)
		if err != nil {
			return
		}
		if m[0] == 'K' { // BackendKeyData
			own, err := (&pgproto3.BackendKeyData{ProcessID: 4711, SecretKey: []byte{1, 2, 3, 4}}).Encode(nil)
			if err != nil {
				return
			}
			m = own
		}
		if _, err := client.Write(m); err != nil {
			return
		}
	}
}

// readMessage reads one message of a server: a type, a length, a body.
func readMessage(r io.Reader) ([]byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	body := make([]byte, int(head[1])<<24|int(head[2])<<16|int(head[3])<<8|int(head[4])-4)
	_, err := io.ReadFull(r, body)
	return append(head, body...), err
}
