/**
 * A small random number generator for the embedded pictures: sfc32 (Chris Doty-Humphrey, PractRand), 32-bit integer
 * arithmetic only, so that every machine draws the same pictures. It is not torch's and does not touch torch's.
 */
export class ShapesRandom {
  #a: number;
  #b: number;
  #c = 0;
  #counter = 1;

  /** @param seed any safe integer. @param stream an independent sequence for each number. */
  constructor(seed: number, stream: number) {
    this.#a = seed >>> 0;
    this.#b = Math.floor(seed / 0x1_0000_0000) ^ Math.imul(stream, 0x9e37_79b9);
    for (let i = 0; i < 15; i++) this.next();
  }

  /** 32 random bits, unsigned. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    // At most 2^32 * 2^20: exact in a double, hence the same everywhere.
    return low + Math.floor((this.next() * (high - low + 1)) / 0x1_0000_0000);
  }
}
