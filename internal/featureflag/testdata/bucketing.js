// MurmurHash3, 32 bits for x86, seed 0, over the UTF-8 bytes of the text.
function murmur3(text) {
  const bytes = new TextEncoder().encode(text);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const scramble = (k) => {
    k = Math.imul(k, 0xcc9e2d51);
    return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  };
  const whole = bytes.length & ~3;
  let h = 0;
  for (let i = 0; i < whole; i += 4) {
    h ^= scramble(view.getUint32(i, true));
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let i = bytes.length - 1; i >= whole; i--) rest = (rest << 8) | bytes[i];
  h ^= scramble(rest) ^ bytes.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

// bucket is 0 … 9999. The product needs 46 bits, which a number holds exactly.
function bucket(key, user) {
  return Math.floor((murmur3(key + user) * 10000) / 2 ** 32);
}

// isOn: percentage is in hundredths of a percent, 12.5% = 1250.
function isOn(flag, user) {
  if (!flag.enabled) return false;
  return flag.users.includes(user) || bucket(flag.key, user) < flag.percentage;
}

module.exports = { murmur3, bucket, isOn };
