def murmur3(text: str) -> int:
    """MurmurHash3, 32 bits for x86, seed 0, over the UTF-8 bytes of the text."""
    data = text.encode("utf-8")
    mask = 0xFFFFFFFF

    def rotate(x: int, by: int) -> int:
        return ((x << by) | (x >> (32 - by))) & mask

    def scramble(k: int) -> int:
        return rotate((k * 0xCC9E2D51) & mask, 15) * 0x1B873593 & mask

    whole = len(data) & ~3
    h = 0
    for i in range(0, whole, 4):
        h ^= scramble(int.from_bytes(data[i : i + 4], "little"))
        h = (rotate(h, 13) * 5 + 0xE6546B64) & mask
    h ^= scramble(int.from_bytes(data[whole:], "little")) ^ len(data)
    h = (h ^ (h >> 16)) * 0x85EBCA6B & mask
    h = (h ^ (h >> 13)) * 0xC2B2AE35 & mask
    return h ^ (h >> 16)


def bucket(key: str, user: str) -> int:
    """0 … 9999."""
    return murmur3(key + user) * 10000 >> 32


def is_on(flag: dict, user: str) -> bool:
    """The percentage is in hundredths of a percent: 12.5% = 1250."""
    if not flag["enabled"]:
        return False
    return user in flag["users"] or bucket(flag["key"], user) < flag["percentage"]
