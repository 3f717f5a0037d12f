// What streams of LZ4 and of Zstandard share: frames one behind the other, and some that are passed over.
import type { ByteQueue } from './byte-queue.ts';

const SKIPPED_MAGIC = 0x184d2a50;

/** Whether a frame that begins so is for others. Source: RFC 8878, 3.1.2. */
export function isSkipped(magic: number): boolean {
  return (magic & 0xfffffff0) >>> 0 === SKIPPED_MAGIC;
}

/** What the next frame begins with, which stays in the queue, 0 where that is too short; null at the end. Throws Damaged. */
export async function nextMagic(input: ByteQueue): Promise<number | null> {
  for (;;) {
    const start = await input.peek(4);
    // Zeros behind the end are padding.
    if (start.every((byte) => byte === 0)) return null;
    const magic = start.length === 4 ? Buffer.from(start).readUInt32LE() : 0;
    if (!isSkipped(magic)) return magic;
    const header = await input.exactly(8);
    await input.skip(header.readUInt32LE(4));
  }
}
