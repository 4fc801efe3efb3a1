"""The Python twin of dbnvis/web/static/random.js: the same numbers from the same seed."""

WORD = 0xFFFFFFFF


def splitmix32(seed):
    while True:
        seed = (seed + 0x9E3779B9) & WORD
        z = ((seed ^ (seed >> 16)) * 0x21F0AAAD) & WORD
        z = ((z ^ (z >> 15)) * 0x735A2D97) & WORD
        yield z ^ (z >> 15)


def sfc32(a, b, c, counter):
    while True:
        result = (a + b + counter) & WORD
        a, b, c = b ^ (b >> 9), (c + (c << 3)) & WORD, (((c << 21) | (c >> 11)) + result) & WORD
        counter = (counter + 1) & WORD
        yield result


def uniforms(seed):
    """Numbers on [0, 1) of 53 bits."""
    words = splitmix32(seed)
    stream = sfc32(next(words), next(words), next(words), 1)
    for _ in range(12):
        next(stream)
    while True:
        yield ((next(stream) >> 5) * 2**26 + (next(stream) >> 6)) / 2**53
