package featureflag_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/murmur3"

	"github.com/clipper/clipperops/internal/featureflag"
)

// TestVectorsForOtherPrograms: testdata/bucketing.json holds the page's table, row for
// row, for the tests of programs in other languages, and is what this program computes.
func TestVectorsForOtherPrograms(t *testing.T) {
	t.Parallel()
	var vectors []struct {
		Key, User string
		Hash      uint32 `json:"murmur3_32"`
		Bucket    uint32
	}
	d := json.NewDecoder(strings.NewReader(read(t, "testdata/bucketing.json")))
	d.DisallowUnknownFields()
	if err := d.Decode(&vectors); err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, v := range vectors {
		if h, b := murmur3.StringSum32(v.Key+v.User), featureflag.Bucket(v.Key, v.User); h != v.Hash || b != v.Bucket {
			t.Errorf("%q, %q: %d in bucket %d, the file says %d in bucket %d", v.Key, v.User, h, b, v.Hash, v.Bucket)
		}
		rows = append(rows, row{v.Key, v.User, fmt.Sprintf("0x%08x %d", v.Hash, v.Bucket)})
	}
	if want := publishedRows(t); !slices.Equal(rows, want) {
		t.Errorf("testdata/bucketing.json has\n%v\nand %s\n%v", rows, page, want)
	}
	if text := read(t, page); !strings.Contains(text, "`internal/featureflag/testdata/bucketing.json`") {
		t.Errorf("%s does not name the file", page)
	}
}
