// Hashes and salts as fsverity(1) has them.
import { InvalidArgumentError } from 'commander';
import type { VerityMeasurement } from '../index.ts';

/** `sha256:` and hexadecimal digits. */
export function measurementText({ algorithm, digest }: VerityMeasurement): string {
  return `${algorithm}:${Buffer.from(digest).toString('hex')}`;
}

/** Bytes of hexadecimal digits. Throws commander's error. */
export function parseSalt(text: string): Uint8Array {
  if (/^([0-9a-f]{2}){1,32}$/i.test(text)) return Buffer.from(text, 'hex');
  throw new InvalidArgumentError('Expected 1 to 32 bytes as hexadecimal digits.');
}
