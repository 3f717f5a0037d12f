// XXH32, seed 0, of what comes in parts. Source: the xxHash specification.
const PRIME1 = 0x9e3779b1 | 0;
const PRIME2 = 0x85ebca77 | 0;
const PRIME3 = 0xc2b2ae3d | 0;
const PRIME4 = 0x27d4eb2f | 0;
const PRIME5 = 0x165667b1 | 0;
const STRIPE = 16;

function rotl(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function round(lane: number, word: number): number {
  return Math.imul(rotl((lane + Math.imul(word, PRIME2)) | 0, 13), PRIME1);
}

export class Xxh32 {
  #lane1 = (PRIME1 + PRIME2) | 0;
  #lane2 = PRIME2;
  #lane3 = 0;
  #lane4 = (0 - PRIME1) | 0;
  #total = 0;
  /** What makes no whole stripe yet. */
  readonly #held = Buffer.alloc(STRIPE);

  static of(bytes: Uint8Array): number {
    const hash = new Xxh32();
    hash.update(bytes);
    return hash.digest();
  }

  update(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const held = this.#total % STRIPE;
    this.#total += bytes.length;
    let at = 0;
    if (held > 0) {
      at = Math.min(STRIPE - held, bytes.length);
      this.#held.set(bytes.subarray(0, at), held);
      if (held + at < STRIPE) return;
      this.#stripes(new DataView(this.#held.buffer, this.#held.byteOffset, STRIPE), 0, STRIPE);
    }
    const end = bytes.length - ((bytes.length - at) % STRIPE);
    this.#stripes(view, at, end);
    this.#held.set(bytes.subarray(end));
  }

  #stripes(view: DataView, from: number, end: number): void {
    let lane1 = this.#lane1;
    let lane2 = this.#lane2;
    let lane3 = this.#lane3;
    let lane4 = this.#lane4;
    for (let at = from; at < end; at += STRIPE) {
      lane1 = round(lane1, view.getInt32(at, true));
      lane2 = round(lane2, view.getInt32(at + 4, true));
      lane3 = round(lane3, view.getInt32(at + 8, true));
      lane4 = round(lane4, view.getInt32(at + 12, true));
    }
    this.#lane1 = lane1;
    this.#lane2 = lane2;
    this.#lane3 = lane3;
    this.#lane4 = lane4;
  }

  /** 32 bits, unsigned. */
  digest(): number {
    const total = this.#total;
    let hash = PRIME5;
    if (total >= STRIPE)
      hash = rotl(this.#lane1, 1) + rotl(this.#lane2, 7) + rotl(this.#lane3, 12) + rotl(this.#lane4, 18);
    hash = (hash + total) | 0;
    const left = total % STRIPE;
    let at = 0;
    for (; at + 4 <= left; at += 4)
      hash = Math.imul(rotl((hash + Math.imul(this.#held.readInt32LE(at), PRIME3)) | 0, 17), PRIME4);
    for (; at < left; at++) hash = Math.imul(rotl((hash + Math.imul(this.#held[at], PRIME5)) | 0, 11), PRIME1);
    hash = Math.imul(hash ^ (hash >>> 15), PRIME2);
    hash = Math.imul(hash ^ (hash >>> 13), PRIME3);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}
