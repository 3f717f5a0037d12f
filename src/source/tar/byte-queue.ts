// Bytes that come in chunks, taken in pieces of any length.
import { Damaged } from './damaged.ts';

export class ByteQueue {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);
  #isAtEnd = false;

  constructor(chunks: AsyncIterator<Uint8Array>) {
    this.#chunks = chunks;
  }

  /** The next `length` bytes, fewer at the end. They stay where they are. */
  async peek(length: number): Promise<Uint8Array> {
    if (this.#held.length < length && !this.#isAtEnd) {
      const parts = [this.#held];
      for (let sum = this.#held.length; sum < length; ) {
        const { done, value } = await this.#chunks.next();
        if (done === true) {
          this.#isAtEnd = true;
          break;
        }
        parts.push(value);
        sum += value.length;
      }
      this.#held = Buffer.concat(parts);
    }
    return this.#held.subarray(0, length);
  }

  /** The same, and they are gone. */
  async take(length: number): Promise<Uint8Array> {
    const bytes = await this.peek(length);
    this.#held = this.#held.subarray(bytes.length);
    return bytes;
  }

  /** Takes `length` bytes. Throws Damaged where there are fewer. */
  async exactly(length: number): Promise<Buffer> {
    const bytes = await this.take(length);
    if (bytes.length < length) throw new Damaged('it ends too early');
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Leaves out as many bytes as there are of `length`. */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) {
      const { length: taken } = await this.take(Math.min(left, 1 << 20));
      if (taken === 0) return;
      left -= taken;
    }
  }
}
