// Sizes and numbers as people write and read them.
import { InvalidArgumentError } from 'commander';
import { BLOCK_SIZES, clusterSizes, MAX_ID } from '../limits.ts';
import { choicesOfSizes, shortSize } from '../size-text.ts';

export { shortSize };

const UNITS = ['', 'K', 'M', 'G', 'T'] as const;

/** Bytes of `512M`, `1.5G`, `4096`. K, M, G and T are powers of 1024; `iB` may follow. Throws commander's error. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:([KMGT])(?:iB)?)?$/i.exec(text);
  const unit = UNITS.indexOf((match?.[2]?.toUpperCase() ?? '') as (typeof UNITS)[number]);
  const bytes = match === null ? Number.NaN : Number(match[1]) * 1024 ** unit;
  if (!Number.isSafeInteger(Math.floor(bytes)) || (unit === 0 && !Number.isInteger(bytes))) {
    if (match !== null && Number(match[1]) > 1)
      throw new InvalidArgumentError('Expected whole bytes, and no more than F2FS has: 16 TiB.');
    const [, number, unit] = /^(\d+(?:\.\d+)?) ?([KMGT]) ?i?B?$/i.exec(text) ?? [];
    const meant = unit === undefined ? '' : `; did you mean ${number}${unit.toUpperCase()}iB?`;
    throw new InvalidArgumentError(`Expected bytes, or K, M, G or T of 1024 each, as in 512M or 1.5GiB${meant}`);
  }
  return Math.floor(bytes);
}

/** A size, or `auto`. */
export function parseSizeOrAuto(text: string): number | 'auto' {
  return text === 'auto' ? 'auto' : parseSize(text);
}

/** A size of one byte or more. */
export function parseLength(text: string): number {
  const bytes = parseSize(text);
  if (bytes > 0) return bytes;
  throw new InvalidArgumentError('Expected 1 byte or more.');
}

/** Bytes of a compressed cluster, where blocks have 4 KiB. */
export function parseCluster(text: string): number {
  const bytes = parseSize(text);
  const sizes = clusterSizes(BLOCK_SIZES[0]);
  if (sizes.includes(bytes)) return bytes;
  throw new InvalidArgumentError(`Expected ${choicesOfSizes(sizes)}.`);
}

/** A whole number, from `least` to `most`. */
export function parseCount(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number ${range}.`);
  };
}

/** Some of `choices`, with commas between them. */
export function parseChoices<T extends string>(choices: readonly T[]): (text: string) => T[] {
  return (text) => {
    const names = text.split(',').filter((name) => name !== '');
    const unknown = names.find((name) => !choices.some((choice) => choice === name));
    if (new Set(names).size < names.length) throw new InvalidArgumentError('Expected each name once.');
    if (unknown === undefined && names.length > 0) return choices.filter((choice) => names.includes(choice));
    throw new InvalidArgumentError(`Expected some of ${choices.join(', ')}, with commas.`);
  };
}

/** A list with commas; given several times, all of them. */
export function parseList(text: string, before: string[] = []): string[] {
  const items = text.split(',').filter((item) => item !== '');
  if (items.length > 0) return [...before, ...items];
  throw new InvalidArgumentError('Expected a list with commas.');
}

/** Percent. */
export function parsePercent(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value < 100) return value;
  throw new InvalidArgumentError('Expected a percentage above 0 and below 100.');
}

/** `uid:gid`. */
export function parseOwner(text: string): { uid: number; gid: number } {
  const match = /^(\d{1,10}):(\d{1,10})$/.exec(text);
  const [uid, gid] = [Number(match?.[1]), Number(match?.[2])];
  if (uid <= MAX_ID && gid <= MAX_ID) return { uid, gid };
  throw new InvalidArgumentError(`Expected two numbers, uid:gid, of ${MAX_ID} at most.`);
}

/** `1.5 GiB (1610612736 bytes)` */
export function longSize(bytes: number): string {
  return bytes < 1024 ? shortSize(bytes) : `${shortSize(bytes)} (${bytes} bytes)`;
}

/** `1 file`, `2 files` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** What a build or an extraction made, kind by kind: `3 files`, `1 symlink`; kinds of which there are none are left out. */
export function countedEntries(made: {
  files: number;
  directories: number;
  symlinks: number;
  special: number;
  hardLinks: number;
}): string[] {
  const kinds: [number, string, string?][] = [
    [made.files, 'file'],
    [made.directories, 'directory', 'directories'],
    [made.symlinks, 'symlink'],
    [made.special, 'special file'],
    [made.hardLinks, 'hard link'],
  ];
  return kinds.filter(([count]) => count > 0).map(([count, one, many]) => counted(count, one, many));
}

/** The new size in bytes of a file that has `size`. */
export type SizeChange = (size: number) => number;

/** `10M`: that size; `+10M`, `-10M`: more or less, at least none. Throws commander's error. */
export function parseSizeChange(text: string): SizeChange {
  const [, sign, amount] = /^([+-]?)(.*)$/s.exec(text) ?? ['', '', ''];
  const bytes = parseSize(amount);
  if (sign === '+') return (size) => size + bytes;
  if (sign === '-') return (size) => Math.max(0, size - bytes);
  if (sign === '') return () => bytes;
  throw new InvalidArgumentError('Expected a size, behind + or - for a change.');
}
