// Modes and times as ls and stat show them.
import type { FileStat, FileType, Timestamp } from '../index.ts';

const TYPE_LETTERS: Readonly<Record<FileType, string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  char: 'c',
  block: 'b',
};
/** The greatest time that Date holds, in seconds. */
const MAX_DATE = 8.64e12;

/** `-rwxr-sr-t` */
export function modeString(type: FileType, mode: number): string {
  const part = (shift: number, special: number, letter: string) => {
    const bits = (mode >>> shift) & 7;
    const execute = (bits & 1) !== 0;
    const last = (mode & special) !== 0 ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-';
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
  };
  return TYPE_LETTERS[type] + part(6, 0o4000, 's') + part(3, 0o2000, 's') + part(0, 0o1000, 't');
}

/** `2026-01-31T12:00:00Z`; `@seconds` past what dates can tell. */
export function isoTime({ sec }: Timestamp): string {
  if (Math.abs(sec) > MAX_DATE) return `@${sec}`;
  return new Date(sec * 1000).toISOString().replace('.000Z', 'Z');
}

/** `2026-01-31T12:00:00.123456789Z` */
export function exactTime(time: Timestamp): string {
  const text = isoTime(time);
  const nsec = String(time.nsec).padStart(9, '0');
  return text.startsWith('@') ? `${text}.${nsec}` : text.replace('Z', `.${nsec}Z`);
}

/** Size in bytes, or the numbers of a device. */
export function sizeText({ rdev, size }: FileStat): string {
  return rdev === null ? String(size) : `${rdev.major}, ${rdev.minor}`;
}
