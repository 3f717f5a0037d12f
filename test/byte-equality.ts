// How expect() compares bytes: at once. Left to itself it takes some microseconds for each of them, so seconds a MiB.
import { expect } from 'vitest';

/** Of one kind, so that toStrictEqual can still tell a Buffer from other bytes. */
function areBytesEqual(a: unknown, b: unknown): boolean | undefined {
  if (!(a instanceof Uint8Array && b instanceof Uint8Array) || a.constructor !== b.constructor) return undefined;
  return Buffer.compare(a, b) === 0;
}

expect.addEqualityTesters([areBytesEqual]);
