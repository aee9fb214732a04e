package config

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
)

func TestParseEnvironmentKnowsThreeNamesAndOneAlias(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Environment{
		"": Staging, "staging": Staging, "prod": Production, "production": Production, "development": Development,
	} {
		if got, err := ParseEnvironment(in); err != nil || got != want {
			t.Errorf("ParseEnvironment(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestParseEnvironmentRefusesEverythingElseWithASuggestion(t *testing.T) {
	t.Parallel()
	for in, suggestion := range map[string]string{
		"prodution": "production", "Production": "production", "stagin": "staging", "devel": "", "dev": "",
		"qa": "", " staging": "staging", "staging ": "staging",
	} {
		got, err := ParseEnvironment(in)
		if err == nil {
			t.Errorf("ParseEnvironment(%q) = %q, want an error", in, got)
			continue
		}
		f := ops.AsFailure(err)
		if f.Code != ops.ExitUsage || len(f.State) == 0 || f.State[0] != "nothing was touched" || len(f.Next) == 0 {
			t.Errorf("%q: failure %+v lacks code, state or next", in, f)
		}
		if suggestion != "" && !strings.HasSuffix(f.What, "did you mean "+suggestion+"?") {
			t.Errorf("%q: %q does not suggest %s", in, f.What, suggestion)
		}
	}
}
