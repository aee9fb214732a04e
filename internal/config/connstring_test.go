package config

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
)

// randomText returns text of the characters that quoting and encoding get wrong.
func randomText(r *rand.Rand) string {
	const awkward = ` '"\/@:?#%&=+$!,;|<>[]{}()*~^` + "`\t\n\r\x01\x7fé€😀\u0130aZ09-_."
	alphabet := []rune(awkward)
	text := make([]rune, 1+r.IntN(20))
	for i := range text {
		text[i] = alphabet[r.IntN(len(alphabet))]
	}
	return "x" + string(text) + "x" // white space around names is refused
}

func randomTarget(r *rand.Rand) Target {
	hosts := []string{"db.internal", "10.1.2.3", "::1", "fe80::1%eth0", "/var/run/post gres'ql\\", "localhost"}
	t := Target{
		Host: hosts[r.IntN(len(hosts))], Port: uint16(1 + r.IntN(65535)),
		User: randomText(r), Password: Secret(randomText(r)), Database: randomText(r),
		SSLMode: []string{"disable", "allow", "prefer", "require", "verify-full"}[r.IntN(5)],
	}
	if r.IntN(2) == 0 {
		t.Params = map[string]string{"search_path": randomText(r), "options": "-c a=" + randomText(r), "connect_timeout": "7"}
	}
	return t
}

func TestConnStringMeansTheSameToPgxWhateverTheCharacters(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		want := randomTarget(r)
		got, err := pgconn.ParseConfig(want.ConnString())
		if err != nil {
			t.Fatalf("pgx refuses %q: %v", want.ConnString(), err)
		}
		read := Target{Host: got.Host, Port: got.Port, User: got.User, Password: Secret(got.Password), Database: got.Database}
		read.SSLMode = want.SSLMode
		if want.Params != nil {
			read.Params = map[string]string{
				"search_path": got.RuntimeParams["search_path"], "options": got.RuntimeParams["options"], "connect_timeout": "7",
			}
			if got.ConnectTimeout.Seconds() != 7 {
				t.Fatalf("connect timeout %s, want 7 s", got.ConnectTimeout)
			}
		}
		if diff := cmp.Diff(want, read, revealSecrets); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestURLAndConnStringAreReadBackAsTheSameTarget(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		want := randomTarget(r)
		got, err := ParseTarget(want.URL().Reveal())
		if diff := cmp.Diff(want, got, revealSecrets); err != nil || diff != "" {
			t.Fatalf("URL %s: %v\n%s", want.URL().Reveal(), err, diff)
		}
		if !harmlessInDotenv(want.URL().Reveal()) {
			t.Fatalf("the URL %s cannot stand in an .env file", want.URL().Reveal())
		}
	}
}

func harmlessInDotenv(url string) bool {
	vars, complaint := parseDotenv([]byte("DATABASE_URL=" + url))
	return complaint == "" && vars["DATABASE_URL"].text == url && !vars["DATABASE_URL"].lossy
}

func TestConnStringLeavesNothingToTheEnvironment(t *testing.T) {
	t.Parallel()
	// What pgx would read from PG* variables, but for those LibpqVariables warns of.
	stated := Target{Host: "h", Port: 1, User: "u", Database: "d", SSLMode: "disable"}.ConnString()
	for _, k := range keywords {
		if k.env == "" || k.use == useLookup && k.name != kwPassFile || k.use == useServer || k.use == useNothing && k.name != "application_name" {
			continue
		}
		if k.name == kwOptions || k.name == "krbsrvname" || k.use == useRefused && k.name != "sslpassword" {
			continue // pgx does not know it, or an empty one would be sent
		}
		if !strings.Contains(" "+stated, " "+k.name+"='") {
			t.Errorf("%s is not stated, so %s would fill it", k.name, k.env)
		}
	}
}

func TestEnvironTellsChildProgramsEverything(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		target Target
		want   []string
	}{
		"plain": {
			Target{Host: "h", Port: 5432, User: "u", Database: "d", SSLMode: "prefer"},
			[]string{"PGHOST=h", "PGPORT=5432", "PGUSER=u", "PGDATABASE=d", "PGSSLMODE=prefer", "PGCONNECT_TIMEOUT=10"},
		},
		"everything": {
			Target{
				Host: "/run/pg", Port: 1, User: "u u", Password: `p'" $\`, Database: "d=d", SSLMode: "verify-ca",
				SSLRootCert: "/r", SSLCert: "/c", SSLKey: "/k",
				Params: map[string]string{
					"connect_timeout": "3", "options": "-c a=b", "role": `my role\`, "timezone": "UTC", "sslsni": "0",
				},
			},
			[]string{
				"PGHOST=/run/pg", "PGPORT=1", "PGUSER=u u", "PGDATABASE=d=d", `PGPASSWORD=p'" $\`, "PGSSLMODE=verify-ca",
				"PGSSLROOTCERT=/r", "PGSSLCERT=/c", "PGSSLKEY=/k",
				"PGCONNECT_TIMEOUT=3", "PGSSLSNI=0", "PGTZ=UTC", `PGOPTIONS=-c a=b -c role=my\ role\\`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, tc.target.Environ()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWithoutLibpqRemovesWhatWouldSteerAChild(t *testing.T) {
	t.Parallel()
	got := WithoutLibpq([]string{"PATH=/bin", "PGHOST=h", "PGSERVICE=s", "PGPASSFILE=f", "PGDATA=/d", "PGHOSTADDR=1", "PGSSLCRL=x", "A"})
	if diff := cmp.Diff([]string{"PATH=/bin", "PGDATA=/d", "A"}, got); diff != "" {
		t.Error(diff)
	}
	if names := LibpqVariables(); !slices.IsSorted(names) || len(slices.Compact(names)) != len(names) {
		t.Error("LibpqVariables is not sorted, or has duplicates")
	}
}
