// Package featureflag decides for whom a feature is on. A Flag is pure data and
// decides without asking anybody; a Store holds flags and says when they change;
// Live is the state that a running service decides by.
//
// docs/bucketing.md publishes how a user gets a bucket, with test vectors, so that
// other services decide alike.
package featureflag
