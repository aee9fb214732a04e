package instances

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
)

const says = `{"instance":"api-1","flags":[{"key":"feature","enabled":true,"percentage":"10","enabled_users":0,"version":1}]}`

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func answering(t *testing.T, text string) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }) //nolint:errcheck // whoever asked has gone
}

func tenth(t *testing.T) featureflag.Flag {
	t.Helper()
	f, err := featureflag.New("feature", true, 1000, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// docker is a program that answers ps and inspect, alone in a folder of its own.
func docker(t *testing.T, ps string) []string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\ncase \"$1\" in\ncompose) /bin/cat '" + dir + "/ps';;\ninspect)\n" +
		"  case \"$4\" in\n  b-host) echo 'host  ';;\n  b-alone) echo 'none  ';;\n  *) echo 'clipper_default 172.20.0.7 10.1.1.1 ';;\n  esac;;\nesac\n"
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ps"), []byte(ps), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"PATH=" + dir}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	const published = `{"Name":"b-1","State":"running","Publishers":[{"URL":"0.0.0.0","TargetPort":8080,"PublishedPort":32001},{"URL":"::","TargetPort":8080,"PublishedPort":32001}]}`
	const bound = `{"Name":"b-2","State":"running","Publishers":[{"URL":"192.168.1.5","TargetPort":8080,"PublishedPort":32002}]}`
	const unpublished = `{"Name":"b-3","State":"running","Publishers":[{"URL":"","TargetPort":8080,"PublishedPort":0}]}`
	const stopped = `{"Name":"b-4","State":"exited","Publishers":[]}`
	const ofHost = `{"Name":"b-host","State":"running","Publishers":[]}`
	const alone = `{"Name":"b-alone","State":"running","Publishers":[]}`
	lookup := func(_ context.Context, name string) ([]string, error) {
		if name != "backend" {
			return nil, errors.New("no such host")
		}
		return []string{"10.0.0.2", "10.0.0.1", "fd00::1"}, nil
	}
	all := []string{"http://127.0.0.1:32001", "http://172.20.0.7:8080", "http://192.168.1.5:32002"}
	for name, c := range map[string]struct {
		urls []string
		ps   string
		want []string
		err  string
	}{
		"static, each once":  {[]string{"http://b:1/", "http://a:1", "http://b:1"}, "", []string{"http://a:1", "http://b:1"}, ""},
		"all of a name":      {[]string{"dns+http://backend:8080"}, "", []string{"http://10.0.0.1:8080", "http://10.0.0.2:8080", "http://[fd00::1]:8080"}, ""},
		"no such name":       {[]string{"dns+http://frontend:8080"}, "", nil, "behind frontend: no such host"},
		"lines":              {[]string{"compose+http://backend:8080"}, strings.Join([]string{published, bound, unpublished, stopped}, "\n"), all, ""},
		"an array":           {[]string{"compose+http://backend:8080"}, "[" + strings.Join([]string{published, bound, unpublished, stopped}, ",") + "]", all, ""},
		"none runs":          {[]string{"compose+http://backend:8080"}, stopped, nil, ""},
		"the host's network": {[]string{"compose+http://backend:8080"}, ofHost, []string{"http://127.0.0.1:8080"}, ""},
		"no network":         {[]string{"compose+http://backend:8080"}, alone, nil, "b-alone has no address: publish its port 8080"},
		"garbage":            {[]string{"compose+http://backend:8080"}, "no configuration file provided", nil, "cannot be read"},
		"another scheme":     {[]string{"swarm+http://backend:8080"}, "", nil, "none of http"},
	} {
		got, err := Places{URLs: c.urls, Environ: docker(t, c.ps), Lookup: lookup}.Find(t.Context())
		if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestADockerThatFailsIsQuotedInALine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\necho 'is the daemon\x1b[31m running?' >&2\nexit 3\n"), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	_, err := Places{URLs: []string{"compose+http://backend:80"}, Environ: []string{"PATH=" + dir}}.Find(t.Context())
	if err == nil || !strings.Contains(err.Error(), "exit status 3: is the daemon") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
}

func TestWhatAnInstanceMaySay(t *testing.T) {
	t.Parallel()
	var followed atomic.Int64
	elsewhere := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		followed.Add(1)
		fmt.Fprint(w, says) //nolint:errcheck // whoever asked has gone
	})
	for name, c := range map[string]struct {
		url, problem string
		known        bool
	}{
		"the flag":          {answering(t, says), "", true},
		"no such flag":      {answering(t, `{"flags":[]}`), unknownFlag, false},
		"that it is stale":  {answering(t, strings.Replace(says, `{`, `{"stale":true,"error":"no \u001b[2Jdatabase",`, 1)), "no  [2Jdatabase", true},
		"junk":              {answering(t, "<html>"), "something that is not", false},
		"a bad percentage":  {answering(t, strings.Replace(says, `"10"`, `"1000"`, 1)), "something that is not", false},
		"ten megabytes":     {answering(t, `{"instance":"`+strings.Repeat("x", 10<<20)+`"}`), "something that is not", false},
		"500":               {serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", 500) }), "it answered 500", false},
		"to look elsewhere": {serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) }), "it answered 302", false},
		"nothing":           {"http://127.0.0.1:1", "connection refused", false},
	} {
		views, err := Client{Places: Places{URLs: []string{c.url}}}.Ask(t.Context(), "feature")
		if err != nil || len(views) != 1 {
			t.Fatalf("%s: %+v, %v", name, views, err)
		}
		if v := views[0]; v.Known != c.known || c.problem == "" && v.Problem != "" || !strings.Contains(v.Problem, c.problem) || len(v.Problem) > 400 {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if followed.Load() != 0 {
		t.Error("another host was asked")
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	stuck := answering(t, strings.Replace(says, `"10"`, `"5"`, 1))
	hanging := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	var asked atomic.Int64
	late := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		text := says
		if asked.Add(1) < 3 {
			text = strings.Replace(says, `"10"`, `"5"`, 1)
		}
		fmt.Fprint(w, text) //nolint:errcheck // whoever asked has gone
	})
	good := []string{answering(t, says), answering(t, says), answering(t, says), answering(t, says)}
	for name, c := range map[string]struct {
		urls    []string
		timeout time.Duration
		behind  string
		err     error
	}{
		"all":          {good, time.Minute, "", nil},
		"late":         {append(slices.Clone(good), late), time.Minute, "", nil},
		"one stuck":    {append(slices.Clone(good), stuck), 200 * time.Millisecond, stuck, nil},
		"one hangs":    {append(slices.Clone(good), hanging), time.Millisecond, hanging, nil},
		"none stated":  {nil, time.Minute, "", nil},
		"nobody there": {[]string{"dns+http://backend:80"}, 50 * time.Millisecond, "", errNobody},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			places := Places{URLs: c.urls, Lookup: func(context.Context, string) ([]string, error) { return nil, nil }}
			started := time.Now()
			got, err := Client{Places: places}.Follow(t.Context(), tenth(t), c.timeout, nil)
			if !errors.Is(err, c.err) {
				t.Fatalf("%+v, %v", got, err)
			}
			if c.behind == "" && len(got.Behind) != 0 || c.behind != "" && (len(got.Behind) != 1 || got.Behind[0].Address != c.behind) {
				t.Errorf("behind are %+v", got.Behind)
			}
			if took := time.Since(started); took > c.timeout+askTimeout+5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// Who comes and goes while a change arrives is asked as long as it is there.
func TestInstancesComeAndGo(t *testing.T) {
	t.Parallel()
	good := answering(t, says)
	var round atomic.Int64
	places := Places{URLs: []string{"dns+http://backend:" + strings.TrimPrefix(good, "http://127.0.0.1:")}, Lookup: func(context.Context, string) ([]string, error) {
		switch round.Add(1) {
		case 1:
			return nil, nil
		case 2:
			return nil, errors.New("no such host")
		case 3:
			return []string{"127.0.0.1", "127.0.0.1"}, nil
		}
		return []string{"127.0.0.1"}, nil
	}}
	var told []string
	got, err := Client{Places: places}.Follow(t.Context(), tenth(t), time.Minute, func(n, of int) { told = append(told, fmt.Sprint(n, "/", of)) })
	if err != nil || len(got.Instances) != 1 || len(got.Behind) != 0 || !slices.Equal(told, []string{"1/1"}) {
		t.Errorf("%+v, %v, told %q", got, err, told)
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	if _, err := (Client{Places: Places{URLs: []string{url}}}).Follow(ctx, tenth(t), time.Minute, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
