package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/ops"
)

// canary is the password no output may show, nor any piece of it.
const canary = "c4nary"

// shown returns everything an operator, a log or a report could get to see of v.
func shown(t testing.TB, v any) string {
	t.Helper()
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	fmt.Fprintln(&b, v)
	inJSON, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	inYAML, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "v", v)
	return b.String() + string(inJSON) + string(inYAML) + logged.String()
}

func mustNotSing(t testing.TB, what string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for _, trace := range []string{canary, fmt.Sprintf("%x", canary), strings.ToUpper(fmt.Sprintf("%x", canary))} {
			if strings.Contains(text, trace) {
				t.Errorf("%s shows the password:\n%s", what, text)
			}
		}
	}
}

// errorTexts returns all an error and its causes say.
func errorTexts(err error) []string {
	var texts []string
	for ; err != nil; err = errors.Unwrap(err) {
		f := ops.AsFailure(err)
		texts = append(texts, err.Error(), fmt.Sprintf("%+v %#v", err, err), f.What)
		texts = append(texts, f.Detail...)
		texts = append(texts, f.Next...)
		texts = append(texts, f.State...)
	}
	return texts
}

func TestSecretAndTargetShowNoPasswordHoweverPrinted(t *testing.T) {
	t.Parallel()
	secret := Secret(canary)
	target := Target{Host: "h", Port: 1, User: "u", Password: secret, Database: "d", SSLMode: "require", Params: map[string]string{"options": "-c a=b"}}
	type holder struct {
		Secret  Secret
		Pointer *Secret
		Target  Target
		List    []Target
		Map     map[string]Secret
		Any     any
	}
	for _, v := range []any{
		secret, &secret, target, &target,
		[]Secret{secret},
		map[string]Target{"a": target},
		holder{secret, &secret, target, []Target{target}, map[string]Secret{"a": secret}, target},
		&holder{Target: target, Any: &target},
	} {
		mustNotSing(t, fmt.Sprintf("%T", v), shown(t, v))
	}
	mustNotSing(t, "a method of Target", target.String(), target.GoString(), target.RedactedURL(), fmt.Sprint(target.URL()))
	if !strings.Contains(shown(t, target), "u@h:1/d") {
		t.Error("a Target does not show what it is")
	}
	if target.URL().Reveal() != "postgres://u:c4nary@h:1/d?sslmode=require&options=-c%20a%3Db" {
		t.Errorf("Reveal: %s", target.URL().Reveal())
	}
}

// canaryPlaces are configurations that hold the canary in every place a
// password can come from, well-formed and not.
func canaryPlaces(t *testing.T) map[string]*place {
	t.Helper()
	const yamlHead = "environments:\n  staging:\n    database:\n      host: h\n      name: d\n"
	at := func(environ ...string) *place { return newPlace(t, environ...) }
	flag := at()
	flag.Flags.DatabaseURL = "postgres://u:" + canary + "@h/d"
	places := map[string]*place{
		"flag":          flag,
		"DB_PASSWORD":   at("DB_HOST=h", "DB_NAME=d", "DB_PASSWORD="+canary),
		"DATABASE_URL":  at("DATABASE_URL=postgres://u:" + canary + "@h/d"),
		"keywords":      at("DATABASE_URL=host=h dbname=d password=" + canary),
		"query":         at("DATABASE_URL=postgres://h/d?password=" + canary),
		".env":          at().write(".env", "DB_HOST=h\nDB_NAME=d\nDB_PASSWORD="+canary),
		"yaml":          at().write(yamlName, yamlHead+"      password: "+canary+"\n"),
		"password_file": at().write(yamlName, yamlHead+"      password_file: p\n").write("p", canary),
		"PGPASSWORD":    at("PGHOST=h", "PGDATABASE=d", "PGPASSWORD="+canary),
		"pgpass":        at("PGHOST=h", "PGDATABASE=d").write("~/.pgpass", "*:*:*:*:"+canary),
		"service":       at("PGSERVICE=s").write("~/.pg_service.conf", "[s]\nhost=h\ndbname=d\npassword="+canary+"\n"),
		"conflict":      at("DATABASE_URL=postgres://u:"+canary+"1@h/d", "DB_PASSWORD="+canary+"2"),
		"twice":         at().write(".env", "DB_PASSWORD="+canary+"1\nDB_PASSWORD="+canary+"2"),
		"service file":  at("PGSERVICE=s").write("~/.pg_service.conf", "[s]\n"+canary+"\n"),
		"two lines":     at().write(yamlName, yamlHead+"      password_file: p\n").write("p", canary+"\n"+canary),
		"anchor":        at().write(yamlName, yamlHead+"      password: &"+canary+"\n"),
		"open quote":    at().write(".env", "DB_PASSWORD='"+canary+"\nDB_HOST=h\n"),
		"NUL":           at().write(yamlName, yamlHead+"      password: \""+canary+"\\0\"\n"),
		"wrong place":   at("DB_HOST=postgres://u:"+canary+"@h/d", "DB_NAME=d"),
		"wrong mode":    at("DATABASE_URL=host=h dbname=d sslmode='require password=" + canary + "'"),
		"look-alike":    at("DB_URL=postgres://u:"+canary+"@h/d", "DB_PASS="+canary),
	}
	return places
}

func TestNoPathThroughLoadShowsThePassword(t *testing.T) {
	t.Parallel()
	for name, p := range canaryPlaces(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(p.Sources)
			mustNotSing(t, "the error", errorTexts(err)...)
			mustNotSing(t, "the Config", shown(t, c), shown(t, *c))
			mustNotSing(t, "the warnings", c.Warnings...)
			mustNotSing(t, "TargetErr", errorTexts(c.TargetErr)...)
			for _, s := range c.Settings {
				mustNotSing(t, "a setting", s.Key, s.Value, s.Source)
			}
			if err == nil && c.TargetErr == nil && c.Target.Password.Reveal() != canary {
				t.Errorf("the password is lost: %s", c.source("database.password"))
			}
		})
	}
}

// Guards against errors that quote a connection string, as those of pgx and
// net/url do. The canary stands in the middle of characters that break it up.
func TestNoErrorOfParseTargetShowsAnyPieceOfThePassword(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	breakers := []rune(`@/:?#%&= '"\[],;$+0a` + "\t\n\x00é")
	shapes := []string{
		"postgres://u:%s@h/d", "postgres://u:%s@h:5432/d?sslmode=require", "postgres://u:%s@[::1/d", "postgres://%s@h/d",
		"postgres://u:%s", "mysql://u:%s@h/d", "host=h user=u dbname=d password=%s", "host=h user=u dbname=d password='%s' sslmode=x",
		"password=%s host=h", "postgres://h/d?password=%s&user=u", "postgres://u@h/d?user=x&password=%s", "%s", "postgres:%s",
	}
	for range 5000 {
		password := make([]rune, 0, 20)
		for range 1 + r.IntN(3) {
			password = append(password, []rune(canary)...)
			password = append(password, breakers[r.IntN(len(breakers))])
		}
		in := fmt.Sprintf(shapes[r.IntN(len(shapes))], string(password)+canary)
		target, err := ParseTarget(in)
		if err == nil {
			// what could be read must not show it either, were it misread
			if strings.Contains(in, "u:") && target.User == "u" {
				mustNotSing(t, fmt.Sprintf("%q", in), target.String(), target.RedactedURL())
			}
			continue
		}
		for _, text := range errorTexts(err) {
			if strings.Contains(text, canary) {
				t.Fatalf("%q:\n%s", in, text)
			}
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{
		"postgres://u:p@h:5432/d?sslmode=require", "postgresql://u@[::1]/d", "postgres:///d?host=/tmp&user=u", "host=h user=u dbname=d password='a b\\''",
		"postgres://u:p%40@%2Ftmp/d?options=-c%20a%3Db&connect_timeout=3", "postgres://u@h/d?TimeZone=UTC&pool_max_conns=3", "mysql://x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		target, err := ParseTarget(in)
		if err != nil {
			return
		}
		again, err := ParseTarget(target.URL().Reveal())
		if err != nil || again.URL() != target.URL() {
			t.Fatalf("%q became %q, then %q (%v)", in, target.URL().Reveal(), again.URL().Reveal(), err)
		}
		if target.SSLRootCert+target.SSLCert+target.SSLKey != "" || target.Params["max_protocol_version"] != "" {
			return // pgx would read the files; and it compares the versions
		}
		c, err := pgconn.ParseConfig(target.ConnString())
		if err != nil {
			t.Fatalf("pgx refuses %q: %v", target.ConnString(), err)
		}
		if c.Host != target.Host || c.Port != target.Port || c.User != target.User || c.Password != target.Password.Reveal() || c.Database != target.Database {
			t.Fatalf("pgx reads %q as %+v", target.ConnString(), c)
		}
	})
}

func FuzzParseTargetErrors(f *testing.F) {
	for _, seed := range [][2]string{
		{"postgres://u:", "@h/d"},
		{"postgres://u:", "/@h:x/d?a=b"},
		{"host=h password=", " x"},
		{"host=h password='", ""},
		{"postgres://u:@[", "/d"},
		{"postgres://h/d?password=", "&x=%zz"},
		{"", "="},
		{"sslmode='require password=", "'"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		_, err := ParseTarget(before + canary + after)
		for _, text := range errorTexts(err) {
			// a scheme and the name of a parameter are no places for a password
			if strings.Contains(text, canary) && !strings.Contains(text, "has the scheme") && !strings.Contains(text, "has an unknown parameter") {
				t.Fatalf("%q %q: %s", before, after, text)
			}
		}
	})
}
