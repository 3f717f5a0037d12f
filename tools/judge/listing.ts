// What a guest reports about a mounted tree: four streams that survive any byte in a name, read into a manifest.
// The shell half of this format is in guestscript.ts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EntryType, type FinishOptions, finishManifest, type Manifest, type RawEntry } from './manifest.js';

/** `find -printf` directives of one entry; ten fields, each ended by NUL. */
export const findFormat = '%y\\0%m\\0%U\\0%G\\0%s\\0%T@\\0%n\\0%i\\0%l\\0%P\\0';
const fieldsPerEntry = 10;

/** Octal escapes (`\012`), as getfattr writes them in paths and names. */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Reads the output of `getfattr -R -h -d -m - -e hex .`: path (relative, '' for the root) to names and hex values. */
export function parseXattrs(output: Buffer): Map<string, Record<string, string>> {
  const found = new Map<string, Record<string, string>>();
  let current: Record<string, string> = {};
  for (const line of output.toString('latin1').split('\n')) {
    if (line.startsWith('# file: ')) {
      const path = unescapeOctal(line.slice(8)).replace(/^\.(\/|$)/, '');
      current = {};
      found.set(path, current);
    } else if (line !== '') {
      const at = line.indexOf('=');
      const value = at < 0 ? '' : line.slice(at + 1);
      current[unescapeOctal(at < 0 ? line : line.slice(0, at))] = value.replace(/^0x/, '');
    }
  }
  return found;
}

/** `sec.frac`, where the fraction counts up from sec also before 1970, to nanoseconds. */
function parseTime(text: string): string {
  const [seconds, fraction = ''] = text.split('.');
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9)));
}

/** What a program said of each path, by path: `SAID ./PATH`, each ended by NUL. */
export function readPairs(folder: string, name: string): Map<string, string> {
  const pairs = readFileSync(join(folder, name))
    .toString('latin1')
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => {
      const at = line.indexOf('./');
      return [line.slice(at + 2), line.slice(0, at).trim()] as const;
    });
  return new Map(pairs);
}

/**
 * The manifest of what a guest saw, from the files `list`, `sums`, `rdevs` and `xattrs` in a folder.
 * `lost+found` in the root is left out, unless it is asked for. Throws when a file is missing or torn.
 */
export function manifestOfListing(folder: string, options: FinishOptions = { skipLostAndFound: true }): Manifest {
  const fields = readFileSync(join(folder, 'list')).toString('latin1').split('\0');
  if (fields.pop() !== '' || fields.length % fieldsPerEntry !== 0) throw new Error('the guest listing is torn');
  const sums = readPairs(folder, 'sums');
  const rdevs = readPairs(folder, 'rdevs');
  const xattrs = parseXattrs(readFileSync(join(folder, 'xattrs')));
  const found: RawEntry[] = [];
  for (let i = 0; i < fields.length; i += fieldsPerEntry) {
    const [type, mode, uid, gid, size, mtime, nlink, inode, target, path] = fields.slice(i, i + fieldsPerEntry);
    const [major, minor] = (rdevs.get(path) ?? '').split(' ').map((part) => Number.parseInt(part, 16));
    found.push({
      path,
      type: type as EntryType,
      mode: Number.parseInt(mode, 8),
      uid: Number(uid),
      gid: Number(gid),
      mtimeNs: parseTime(mtime),
      nlink: Number(nlink),
      inode,
      ...(type === 'f' || type === 'l' ? { size: Number(size) } : {}),
      ...(type === 'f' ? { sha256: sums.get(path) ?? 'unread' } : {}),
      ...(type === 'l' ? { target } : {}),
      ...(type === 'b' || type === 'c' ? { major, minor } : {}),
      ...(xattrs.has(path) ? { xattrs: xattrs.get(path) } : {}),
    });
  }
  return finishManifest(found, options);
}
