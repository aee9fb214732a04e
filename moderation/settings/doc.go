// Package settings reads the moderation API's configuration from the environment.
// Each secret can also come from a file, named by the variable with _FILE behind
// it. Every mistake is found at once, before anything is started.
package settings
