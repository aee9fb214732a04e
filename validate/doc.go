// Package validate answers, after a change: is it right? It makes checks out of
// what a release file promises and looks whether the database keeps it: objects,
// data, plans, and whether every table takes rows. It knows no release by name.
package validate
