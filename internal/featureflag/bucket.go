package featureflag

import "github.com/twmb/murmur3"

// buckets is how many there are: steps of 0.01%.
const buckets = 10_000

// Bucket is a user's place for a flag, 0 … 9999: the upper 32 bits of
// murmur3-32(key + user) × 10000 (seed 0), as flagd has it, but with steps of 0.01%.
// It depends on the two texts alone, so every service and every restart agrees, and
// a user's places for two flags have nothing to do with each other.
func Bucket(key, user string) uint32 {
	var buffer [128]byte
	text := append(append(buffer[:0], key...), user...)
	return uint32(uint64(murmur3.Sum32(text)) * buckets >> 32)
}
