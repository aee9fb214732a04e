package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTypesAreComparedAsTheServerPrintsThem(t *testing.T) {
	t.Parallel()
	for written, printed := range map[string]string{
		"varchar(50)":                    "character varying(50)",
		"VARCHAR (50)":                   "character varying(50)",
		"character varying(50)":          "character varying(50)",
		"int":                            "integer",
		"bigint":                         "bigint",
		"bool":                           "boolean",
		"timestamp":                      "timestamp without time zone",
		"timestamptz":                    "timestamp with time zone",
		"timestamptz(3)":                 "timestamp(3) with time zone",
		"timestamp(3) without time zone": "timestamp(3) without time zone",
		"timestamp with time zone":       "timestamp with time zone",
		"uuid[]":                         "uuid[]",
		"varchar(20)[]":                  "character varying(20)[]",
		"int[3][]":                       "integer[]",
		"numeric(3, 2)":                  "numeric(3,2)",
		"inet":                           "inet",
		"clipper.mood":                   "clipper.mood",
		"double precision":               "double precision",
		"":                               "",
	} {
		if got := spelledType(written); got != printed {
			t.Errorf("%q is %q, want %q", written, got, printed)
		}
	}
}

func TestExpressionsAreComparedByTheirEssence(t *testing.T) {
	t.Parallel()
	for _, same := range [][2]string{
		{"status = 'pending'", "((status)::text = 'pending'::text)"},
		{"status = 'pending'", "status::text = 'pending'::text"},
		{"'pending'", "'pending'::character varying"},
		{"'{}'", "'{}'::uuid[]"},
		{"now()", "now()"},
		{"resolved_by IS NOT NULL", "(resolved_by IS NOT NULL)"},
		{"position > 0", `("position" > 0)`},
		{"'it''s :: (odd)'", "'it''s :: (odd)'::text"},
		{"0.5", "0.5::numeric(3,2)"},
		{"now()", "(now())::timestamp(3) without time zone"},
	} {
		if a, b := essence(same[0]), essence(same[1]); a != b {
			t.Errorf("%q and %q become %q and %q", same[0], same[1], a, b)
		}
	}
	for _, differ := range [][2]string{
		{"status = 'pending'", "status = 'Pending'"},
		{"priority > 0", "priority >= 0"},
		{"'a b'", "'ab'"},
		{`"Status" = 'x'`, "status = 'x'"},
	} {
		if a, b := essence(differ[0]), essence(differ[1]); a == b {
			t.Errorf("%q and %q both become %q", differ[0], differ[1], a)
		}
	}
}

func TestLiteralsOfACheckAreItsValues(t *testing.T) {
	t.Parallel()
	definition := "CHECK (((status)::text = ANY ((ARRAY['b'::character varying, 'a'::character varying, 'it''s'::character varying])::text[])))"
	if diff := cmp.Diff([]string{"a", "b", "it's"}, literals(definition)); diff != "" {
		t.Error(diff)
	}
}

func TestAPlanIsReadToItsLeaves(t *testing.T) {
	t.Parallel()
	nodes, err := readPlan(`[{"Plan": {"Node Type": "Limit", "Plans": [{"Node Type": "Nested Loop", "Plans": [
		{"Node Type": "Index Scan", "Index Name": "idx_a", "Relation Name": "a"}, {"Node Type": "Seq Scan", "Relation Name": "b"}]}]}}]`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := planText(nodes), "Limit → Nested Loop → Index Scan using idx_a → Seq Scan on b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := readPlan("Limit  (cost=0.00..1.00)"); err == nil {
		t.Error("a plan that is no JSON was read")
	}
}
