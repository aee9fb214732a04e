package validate

import (
	"context"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
)

// The bits of pg_trigger.tgtype.
const (
	bitRow     = 1
	bitBefore  = 2
	bitInsert  = 4
	bitDelete  = 8
	bitUpdate  = 16
	bitInstead = 64
)

func (v *validation) triggerFindings(c *catalog, t release.TableState) []finding {
	var found []finding
	for _, want := range t.Triggers {
		name := "trigger " + want.Name
		create := fmt.Sprintf("CREATE TRIGGER %s %s %s ON %s FOR EACH ROW EXECUTE FUNCTION %s();", quoted(want.Name),
			strings.ToUpper(want.Timing), strings.ToUpper(strings.Join(want.Events, " OR ")), v.qualified(t.Name), v.qualified(want.Function))
		got, exists := c.tables[t.Name].triggers[want.Name]
		if !exists {
			found = append(found, finding{name, "missing", create})
			continue
		}
		wanted, has := triggerText(want.Timing, want.Events, want.Function), got.text()
		switch {
		case has != wanted:
			found = append(found, finding{
				name, "is " + has + ", not " + wanted,
				fmt.Sprintf("DROP TRIGGER %s ON %s; %s", quoted(want.Name), v.qualified(t.Name), create),
			})
		case got.Enabled == "D" || got.Enabled == "R":
			says := map[string]string{"D": "disabled", "R": "enabled on replicas alone"}[got.Enabled]
			found = append(found, finding{
				name, says,
				fmt.Sprintf("ALTER TABLE %s ENABLE TRIGGER %s;", v.qualified(t.Name), quoted(want.Name)),
			})
		}
	}
	return found
}

// text is what matters of a trigger in the catalogue.
func (t trigger) text() string {
	timing := "after"
	switch {
	case t.Type&bitInstead != 0:
		timing = "instead of"
	case t.Type&bitBefore != 0:
		timing = "before"
	}
	var events []string
	for _, e := range eventBits {
		if t.Type&e.bit != 0 {
			events = append(events, e.name)
		}
	}
	text := triggerText(timing, events, t.Function)
	if t.Type&bitRow == 0 {
		text += ", once a statement"
	}
	return text
}

var eventBits = []struct {
	name string
	bit  int16
}{{"insert", bitInsert}, {"update", bitUpdate}, {"delete", bitDelete}}

// triggerText names the events in a fixed order.
func triggerText(timing string, events []string, function string) string {
	var ordered []string
	for _, known := range eventBits {
		for _, e := range events {
			if e == known.name {
				ordered = append(ordered, e)
			}
		}
	}
	return fmt.Sprintf("%s %s → %s()", timing, strings.Join(ordered, " or "), function)
}

// functionChecks makes a check for each function of the applied versions.
func (v *validation) functionChecks() []ops.Check {
	var checks []ops.Check
	for _, o := range v.Release.Objects {
		if int64(o.Version) > v.at() {
			break
		}
		for _, f := range o.Functions {
			checks = append(checks, v.functionCheck(f))
		}
	}
	return checks
}

func (v *validation) functionCheck(want release.Function) ops.Check {
	return ops.Check{
		ID:    "validate.functions." + want.Name,
		Title: "function " + want.Name + " exists",
		Group: groupSchema,
		Fatal: true,
		Run: func(ctx context.Context) ops.Result {
			c, err := v.catalogue(ctx)
			if err != nil {
				return v.unanswered(err)
			}
			wanted := functionText(function{Arguments: want.Arguments, Returns: want.Returns})
			has := "nothing of that name"
			for _, got := range c.functions[want.Name] {
				if has = functionText(got); has == wanted {
					return ops.Pass("function " + want.Name)
				}
			}
			if len(c.functions[want.Name]) == 0 {
				return failed("function "+want.Name+" does not exist",
					[]finding{{"function " + want.Name, "missing", v.asStated("function", "", want.Name)}})
			}
			return failed("function "+want.Name+" is another",
				[]finding{{"function " + want.Name, "is " + has + ", not " + wanted, v.asStated("function", "", want.Name)}})
		},
	}
}

func functionText(f function) string {
	return fmt.Sprintf("(%s) returns %s", f.Arguments, f.Returns)
}
