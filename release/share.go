package release

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseShare reads a share such as "0.5%", between nothing and all of it, both left out.
func ParseShare(text string) (float64, error) {
	number, ok := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(v/100 > 0 && v < 100) {
		return 0, fmt.Errorf("%q is not a share such as 0.5%%, above 0%% and below 100%%", text)
	}
	return v / 100, nil
}
