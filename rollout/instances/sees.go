package instances

import "github.com/clipper/clipperops/internal/featureflag"

// otherUsers is the problem of an instance that names as many users as were set, and not
// the same.
const otherUsers = "it has another version of who is named"

// Sees reports whether the instance sees the flag as it was set.
func (v View) Sees(f featureflag.Flag) bool {
	if !v.Known {
		return !f.Enabled && v.Problem == unknownFlag // off for everybody
	}
	return v.alike(f) && !v.namesOthers(f)
}

// Against is the view with why it does not see the flag, where what it sees does not show
// that.
func (v View) Against(f featureflag.Flag) View {
	if v.Known && v.Problem == "" && v.alike(f) && v.namesOthers(f) {
		v.Problem = otherUsers
	}
	return v
}

func (v View) alike(f featureflag.Flag) bool {
	return v.Enabled == f.Enabled && v.Percentage == f.Percentage && v.Users == len(f.Users())
}

// namesOthers reports whether the users that the instance names can be others. It tells
// nobody who they are; the version of the store tells that they are not those of now,
// where it has one and who is named matters.
func (v View) namesOthers(f featureflag.Flag) bool {
	return f.Enabled && f.Percentage < featureflag.Everybody && v.Users > 0 && v.Version != 0 && f.Version != 0 && v.Version != f.Version
}
