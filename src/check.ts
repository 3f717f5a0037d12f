// What callers pass, checked before anything is done with it. Relies on errors.ts alone.
import { types } from 'node:util';
import { F2fsError } from './errors.ts';

/** Throws EINVAL for an option's value that there is not. */
export function checkChoice<T extends string>(choices: readonly T[], value: T, option: string): T {
  if (choices.includes(value)) return value;
  throw new F2fsError('EINVAL', `${option} '${value}' is not possible: ${choices.join(', ')} are`);
}

/** Throws EINVAL for what is no Uint8Array, or one whose memory went to another thread or was made shorter. */
export function checkBytes(bytes: Uint8Array, what: string): void {
  if (!types.isUint8Array(bytes))
    throw new F2fsError('EINVAL', `the ${what} must be a Uint8Array: make one of its buffer`);
  if (bytes.length > 0) return;
  try {
    bytes.subarray();
  } catch (cause) {
    const message = `the ${what} has lost its memory, which was transferred or made shorter: pass a copy`;
    throw new F2fsError('EINVAL', message, { cause });
  }
}
