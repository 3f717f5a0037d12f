// What a workload works with.
import type { FileHandle, FileSystem } from '../index.ts';
import type { Content } from './content.ts';

/** How much the workloads do. */
export interface Sizes {
  /** Bytes of the file. */
  fileBytes: number;
  /** Bytes of a random write, and of an append. */
  blockBytes: number;
  /** Random writes. */
  writes: number;
  /** Appends, each with an fsync. */
  appends: number;
  /** Small files. */
  files: number;
}

/** What a workload works with, and where it keeps its accounts. */
export interface Bench {
  readonly volume: FileSystem;
  readonly content: Content;
  readonly sizes: Sizes;
  /** Of the file, and what names of directories begin with. */
  readonly name: string;
  /** User's bytes that were written, or read. */
  bytes: number;
  /** Writes, appends, reads or files. */
  operations: number;
  /** Writes a checkpoint and notes how long that took. */
  sync(): void;
  /** Makes a file outlive a crash and notes how long that took. */
  fsync(file: FileHandle): void;
}
