// Random numbers with a seed, the same in every browser: sfc32, the "small fast counting" generator of Doty-Humphrey
// (PractRand, http://pracrand.sourceforge.net). Its Python twin is tests/helpers/sfc32.py.

/**
 * Numbers to seed with: splitmix32, a counter whose bits are mixed.
 * @param {number} seed
 * @returns {() => number} next unsigned integer of 32 bits
 */
export function splitmix32(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}

/** A generator of random numbers: three words of state and a counter, which starts at 1. */
export class Sfc32 {
  /** @param {number} seed  an integer from 0 to 2^32 - 1 */
  constructor(seed) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
      throw new RangeError(`a seed is an integer from 0 to 4294967295, got ${seed}`);
    }
    const next = splitmix32(seed);
    this.a = next() | 0;
    this.b = next() | 0;
    this.c = next() | 0;
    this.counter = 1;
    for (let i = 0; i < 12; i++) this.uint32(); // until every bit of the seed has reached every bit of the state
  }

  /**
   * A state given outright, nothing discarded; for tests against other implementations.
   * @param {number} a
   * @param {number} b
   * @param {number} c
   * @param {number} counter
   * @returns {Sfc32}
   */
  static ofState(a, b, c, counter) {
    return Object.assign(new Sfc32(0), {a: a | 0, b: b | 0, c: c | 0, counter: counter | 0});
  }

  /**
   * Uniform on the integers 0 to 2^32 - 1.
   * @returns {number}
   */
  uint32() {
    const result = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /**
   * Uniform on [0, 1), of 53 random bits: 27 of one draw and 26 of the next.
   * @returns {number}
   */
  random() {
    const high = this.uint32() >>> 5, low = this.uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /**
   * Standard normal, by Box & Muller (1958): sqrt(-2 log(1 - u)) cos(2 pi w).
   * @returns {number}
   */
  normal() {
    const radius = Math.sqrt(-2 * Math.log1p(-this.random()));
    return radius * Math.cos(2 * Math.PI * this.random());
  }
}
