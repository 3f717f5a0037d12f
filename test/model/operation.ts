// The operations of a differential run: plain values, so that a trace can be printed, cut and run again. Any of them may
// be applied in any state; one that makes no sense there must fail in the same way on both sides.

/** Open files are known by a number, so that a trace needs no references. */
export type Slot = number;

export type OpenFlags = 'r' | 'r+' | 'w' | 'w+' | 'wx' | 'wx+' | 'a' | 'a+' | 'ax';
export type NodeType = 'fifo' | 'socket' | 'char' | 'block';
export type AllocateMode = 'plain' | 'keep' | 'punch' | 'zero' | 'zero-keep' | 'collapse' | 'insert';

/** Paths are relative to the root, without a leading slash; times are whole nanoseconds since 1970, as decimal text. */
export type Operation =
  | { kind: 'open'; slot: Slot; path: string; flags: OpenFlags; mode: number }
  | { kind: 'close'; slot: Slot }
  | { kind: 'write'; slot: Slot; at: number; length: number; fill: number }
  | { kind: 'append'; slot: Slot; length: number; fill: number }
  | { kind: 'read'; slot: Slot; at: number; length: number }
  | { kind: 'resize'; slot: Slot; size: number }
  | { kind: 'allocate'; slot: Slot; mode: AllocateMode; at: number; length: number; time: string }
  | { kind: 'fstat'; slot: Slot }
  | { kind: 'fchmod'; slot: Slot; mode: number }
  | { kind: 'fchown'; slot: Slot; uid: number; gid: number }
  | { kind: 'futimes'; slot: Slot; atime: string; mtime: string }
  | { kind: 'fsync'; slot: Slot; dataOnly: boolean }
  | { kind: 'mkdir'; path: string; mode: number }
  | { kind: 'rmdir'; path: string }
  | { kind: 'unlink'; path: string }
  | { kind: 'rename'; from: string; to: string; how: 'replace' | 'noReplace' | 'exchange' }
  | { kind: 'link'; from: string; to: string }
  | { kind: 'symlink'; target: string; path: string }
  | { kind: 'readlink'; path: string }
  | { kind: 'mknod'; path: string; type: NodeType; mode: number; major: number; minor: number }
  | { kind: 'chmod'; path: string; mode: number }
  | { kind: 'chown'; path: string; uid: number; gid: number }
  | { kind: 'utimes'; path: string; atime: string; mtime: string }
  | { kind: 'truncate'; path: string; size: number }
  | { kind: 'setXattr'; path: string; name: string; value: string; how: 'any' | 'create' | 'replace' }
  | { kind: 'removeXattr'; path: string; name: string }
  | { kind: 'getXattr'; path: string; name: string }
  | { kind: 'stat'; path: string; follow: boolean }
  | { kind: 'readdir'; path: string }
  | { kind: 'sync' }
  /** A clean unmount and a mount; or a sync, and a mount of what is on the device then. Handles are closed before. */
  | { kind: 'remount'; clean: boolean; options: number };

export type Kind = Operation['kind'];

/** What an operation came to: an errno name or 'ok', and what it returned. */
export interface Outcome {
  code: string;
  text?: string;
  bytes?: Uint8Array;
}

export const SLOTS = 8;
const PATTERN = 1 << 20;
const pattern = Buffer.alloc(2 * PATTERN);
for (let i = 0, state = 1; i < pattern.length; i += 4) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  pattern.writeUInt32LE((state ^ (state >>> 16)) >>> 0, i);
}
const zeros = Buffer.alloc(PATTERN);

/** The bytes that a write puts down; `fill` 0 means zeros. At most 1 MiB. */
export function bytesOf(length: number, fill: number): Uint8Array {
  if (fill === 0) return zeros.subarray(0, length);
  const start = (fill * 4099) % PATTERN;
  return pattern.subarray(start, start + length);
}

export function describe(op: Operation): string {
  const { kind, ...rest } = op;
  return `${kind} ${JSON.stringify(rest)}`;
}
