package pg_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// withTLS starts a server that speaks TLS on 127.0.0.1, and returns the file of
// the certificate that vouches for it.
func withTLS(t *testing.T) (target config.Target, certificate string) {
	t.Helper()
	target = pgtest.StartServer(t, nil).Target("postgres")
	crt, key := selfSigned(t)
	// The server writes the files itself, so that they are its own.
	put := func(file, text string) {
		pgtest.Exec(t, target, "CREATE TEMP TABLE lines AS SELECT unnest(string_to_array($$"+strings.TrimSpace(text)+"$$, E'\\n')) AS l;"+
			"COPY lines TO PROGRAM 'umask 077; cat > "+file+"'")
	}
	put("server.crt", crt)
	put("server.key", key)
	pgtest.Exec(t, target, "ALTER SYSTEM SET ssl = on")
	put("pg_hba.conf", "local all all trust\nhost postgres all all scram-sha-256\nhostssl all all all scram-sha-256")
	pgtest.Exec(t, target, "CREATE DATABASE private")
	pgtest.Exec(t, target, "SELECT pg_reload_conf()")
	eventually(t, "the server speaks TLS", func() bool {
		return pgtest.QueryValue[bool](t, target, "SELECT current_setting('ssl')::bool")
	})
	certificate = filepath.Join(t.TempDir(), "root.crt")
	if err := os.WriteFile(certificate, []byte(crt), 0o600); err != nil {
		t.Fatal(err)
	}
	return target.WithDatabase("private"), certificate
}

func TestTLSIsUsedVerifiedAndMissed(t *testing.T) {
	t.Parallel()
	target, certificate := withTLS(t)

	target.SSLMode, target.SSLRootCert = "verify-full", certificate
	s, err := pg.Describe(t.Context(), connect(t, target, pg.ConnOptions{}))
	if err != nil || !strings.HasPrefix(s.TLS, "TLS 1.") || s.Cipher == "" {
		t.Errorf("TLS %q, cipher %q, error %v", s.TLS, s.Cipher, err)
	}
	lock(t, target, pg.LockRequest{Application: "test"})

	programs, err := pg.FindPrograms(t.Context(), pg.ProgramOptions{ServerMajor: s.Major(), PathEnv: os.Getenv("PATH")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := programs.Psql.Command(t.Context(), target, "-XAtc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Output()
	if err != nil || string(out) != "t\n" {
		t.Errorf("psql's connection: %q, error %v", out, err)
	}

	strange, _ := selfSigned(t)
	target.SSLRootCert = filepath.Join(t.TempDir(), "strange.crt")
	if err := os.WriteFile(target.SSLRootCert, []byte(strange), 0o600); err != nil {
		t.Fatal(err)
	}
	if e := refused(t, t.Context(), target); e.Kind != pg.ConnectCertificate || !strings.Contains(e.Fix(), "sslrootcert") {
		t.Errorf("a certificate nobody vouches for: kind %q (%v)", e.Kind, e.Err)
	}
	target.SSLMode, target.SSLRootCert = "disable", ""
	if e := refused(t, t.Context(), target); e.Kind != pg.ConnectTLSRequired || !strings.Contains(e.Fix(), "DB_SSLMODE=require") {
		t.Errorf("no TLS: kind %q (%v)", e.Kind, e.Err)
	}
}

// selfSigned makes a certificate for 127.0.0.1 and its key.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}
