// What a scan tells about one entry of a host tree, and about what it had to leave out. Types only.

export type HostType = 'file' | 'dir' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block';

/** Times: seconds since 1970 (may be negative) and nanoseconds below 1e9. */
export interface HostEntry {
  /** The last component's bytes; empty for the root. A view: copy it to keep it. */
  readonly name: Uint8Array;
  /** For messages: relative to the root, bytes that are not UTF-8 as \xNN; `.` for the root. */
  readonly path: string;
  readonly type: HostType;
  /** Type and permissions, 16 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  readonly nlink: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** Device number as Node's stat gives it. */
  readonly dev: number;
  readonly ino: bigint;
  readonly atimeSec: number;
  readonly atimeNsec: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  readonly ctimeSec: number;
  readonly ctimeNsec: number;
  /** Undefined when the host does not tell. */
  readonly birthtimeSec?: number;
  readonly birthtimeNsec?: number;
  /** Bytes that the host allocated: less than `size` for a file with holes. */
  readonly blocks: number;
}

/** What could not be read, or was left out on purpose. */
export interface HostProblem {
  /** Relative to the root, bytes that are not UTF-8 as \xNN. */
  readonly path: string;
  /** Errno name. */
  readonly code: string;
  readonly message: string;
}

/** Sums over the tree. A file with several links counts once in `bytes`. */
export interface HostTotals {
  files: number;
  dirs: number;
  symlinks: number;
  /** Fifos, sockets, devices. */
  others: number;
  /** Bytes of the regular files. */
  bytes: number;
}
