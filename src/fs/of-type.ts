// What something is, asked as of the Dirents and Stats of node:fs.

/** What `mknod` makes. */
export const NODE_TYPES = ['fifo', 'socket', 'char', 'block'] as const;
/** What `mknod` makes: no file, directory or symlink. */
export type NodeType = (typeof NODE_TYPES)[number];
/** What an inode is. */
export type FileType = 'file' | 'directory' | 'symlink' | NodeType;

/** Something that has a type. */
export class OfType {
  /** What it is. */
  readonly type: FileType;

  constructor(type: FileType) {
    this.type = type;
  }

  /** Whether it is a regular file. */
  isFile(): boolean {
    return this.type === 'file';
  }

  /** Whether it is a directory. */
  isDirectory(): boolean {
    return this.type === 'directory';
  }

  /** Whether it is a symlink. */
  isSymbolicLink(): boolean {
    return this.type === 'symlink';
  }

  /** Whether it is a block device. */
  isBlockDevice(): boolean {
    return this.type === 'block';
  }

  /** Whether it is a character device. */
  isCharacterDevice(): boolean {
    return this.type === 'char';
  }

  /** Whether it is a named pipe. */
  isFIFO(): boolean {
    return this.type === 'fifo';
  }

  /** Whether it is a socket. */
  isSocket(): boolean {
    return this.type === 'socket';
  }
}
