// What the workloads write: words, made once from a seed, so that every run has the same bytes and the same compressibility.
import { deflateRawSync } from 'node:zlib';
import type { ByteSource } from '../file/data/file-data.ts';
import { SeededRandom } from './random.ts';

/** Bytes of prepared text. The largest cluster has 1 MiB and nothing is compressed past one, so a repeat is never seen. */
const CONTENT_BYTES = 4 * 1024 * 1024;
const NR_WORDS = 4096;
const SYLLABLES = 'ba ce di fo gu ha ki lo mu na pe qua ri so tu ve wi xy za chen tion ing ster ough'.split(' ');
/** Bytes between the texts of two versions: no multiple of a page, so that every page of a new version is a new one. */
const VERSION_SHIFT = 104_729;

/** Text by file position, in as many versions as wanted. */
export class Content {
  readonly #bytes: Buffer;

  constructor(seed: number) {
    this.#bytes = makeText(new SeededRandom(seed), CONTENT_BYTES);
  }

  /** Bytes that deflate, level 6, makes of 64 KiB, as a part of them: how compressible the content is. */
  deflateRatio(): number {
    const sample = this.#bytes.subarray(0, 65536);
    return deflateRawSync(sample).length / sample.length;
  }

  /** The source of one version; it copies and computes nothing. */
  source(version: number): ByteSource {
    return { fill: (memory, offset, length, position) => this.copy(memory, offset, length, position, version) };
  }

  /** Puts the bytes of [position, position + length) of a version into `memory` from `offset` on. */
  copy(memory: Uint8Array, offset: number, length: number, position: number, version: number): void {
    let from = (position + version * VERSION_SHIFT) % CONTENT_BYTES;
    for (let done = 0; done < length; from = 0) {
      const count = Math.min(length - done, CONTENT_BYTES - from);
      memory.set(this.#bytes.subarray(from, from + count), offset + done);
      done += count;
    }
  }
}

/** Words by a rule like Zipf's: few of them make most of the text. */
function makeText(random: SeededRandom, sizeBytes: number): Buffer {
  const words: string[] = [];
  for (let i = 0; i < NR_WORDS; i++) {
    let word = '';
    for (let left = 1 + random.below(4); left > 0; left--) word += SYLLABLES[random.below(SYLLABLES.length)];
    words.push(word);
  }
  const text = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; ) {
    const word = words[Math.floor(NR_WORDS ** random.fraction()) - 1];
    at += text.write(word, at, 'latin1');
    if (at < sizeBytes) text[at++] = random.below(12) === 0 ? 0x0a : 0x20;
  }
  return text;
}
