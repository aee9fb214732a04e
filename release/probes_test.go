package release

import "testing"

func TestANumberIsHeldToItsBounds(t *testing.T) {
	t.Parallel()
	two := int64(2)
	least, most := Expectation{AtLeast: &two}, Expectation{AtMost: &two}
	for _, test := range []struct {
		expect Expectation
		number int64
		want   string
	}{
		{least, 1, "1 found, at least 2 needed"},
		{least, 2, ""},
		{least, 3, ""},
		{most, 1, ""},
		{most, 2, ""},
		{most, 3, "3 found, at most 2 allowed"},
		{Expectation{NoRows: true}, 3, ""},
	} {
		if got := test.expect.Misses(test.number); got != test.want {
			t.Errorf("%d: %q, want %q", test.number, got, test.want)
		}
	}
}
