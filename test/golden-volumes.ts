// The volumes that Linux made, in images/, and what it found in them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'fflate';
import { projectRoot } from '../tools/judge/paths.ts';

const unpacked = (file: string) => gunzipSync(readFileSync(join(projectRoot, 'images', file)));

/** The bytes of images/NAME.img.gz. */
export function goldenImage(name: string): Uint8Array {
  return unpacked(`${name}.img.gz`);
}

/** The lines of images/NAME.manifest.gz, bytes as latin1. */
export function goldenLines(name: string): string[] {
  return Buffer.from(unpacked(`${name}.manifest.gz`))
    .toString('latin1')
    .trimEnd()
    .split('\n');
}
