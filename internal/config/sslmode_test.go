package config

import (
	"strings"
	"testing"
)

func TestSSLModeRules(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		env, host, mode string
		want            string // the resolved mode, or a part of the problem
	}{
		{"staging", "db.internal", "", "require"},
		{"development", "db.internal", "", "require"},
		{"staging", "localhost", "", "prefer"},
		{"development", "/tmp", "", "prefer"},
		{"staging", "db.internal", "disable", "disable"},
		{"production", "db.internal", "", "production needs an explicit sslmode for db.internal"},
		{"production", "localhost", "", "production needs an explicit sslmode for localhost"},
		{"production", "localhost", "disable", "disable"},
		{"production", "/tmp", "disable", "disable"},
		{"production", "db.internal", "disable", "production does not allow it"},
		{"production", "db.internal", "allow", "production does not allow it"},
		{"production", "db.internal", "prefer", "production does not allow it"},
		{"production", "db.internal", "require", "require"},
		{"production", "db.internal", "verify-full", "verify-full"},
	} {
		p := newPlace(t, "DB_HOST="+tc.host, "DB_NAME=d", "ENVIRONMENT="+tc.env)
		if tc.mode != "" {
			p.Environ = append(p.Environ, "PGSSLMODE="+tc.mode) // any level is explicit
		}
		c, err := Load(p.Sources)
		if err != nil {
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%+v: %v", tc, err)
			}
			continue
		}
		if c.Target.SSLMode != tc.want {
			t.Errorf("%+v: sslmode %s", tc, c.Target.SSLMode)
		}
	}
	p := newPlace(t, "DATABASE_URL=postgres://u@h/d?sslrootcert=system", "ENVIRONMENT=production")
	if c := p.load(); c.Target.SSLMode != "verify-full" || c.Target.SSLRootCert != "system" {
		t.Errorf("%#v", c.Target)
	}
}
