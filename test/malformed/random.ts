// Random numbers that a printed seed brings back.

/** A generator of 32-bit numbers (xorshift, seeded through a multiplicative hash). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  }

  /** A whole number of [0, below). */
  below(below: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % below;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }
}
