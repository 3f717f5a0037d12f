// What something is, asked as of the Dirents and Stats of node:fs.

/** What `mknod` makes. */
export const NODE_TYPES = ['fifo', 'socket', 'char', 'block'] as const;
export type NodeType = (typeof NODE_TYPES)[number];
export type FileType = 'file' | 'directory' | 'symlink' | NodeType;

/** Something that has a type. */
export class OfType {
  readonly type: FileType;

  constructor(type: FileType) {
    this.type = type;
  }

  isFile(): boolean {
    return this.type === 'file';
  }

  isDirectory(): boolean {
    return this.type === 'directory';
  }

  isSymbolicLink(): boolean {
    return this.type === 'symlink';
  }

  isBlockDevice(): boolean {
    return this.type === 'block';
  }

  isCharacterDevice(): boolean {
    return this.type === 'char';
  }

  isFIFO(): boolean {
    return this.type === 'fifo';
  }

  isSocket(): boolean {
    return this.type === 'socket';
  }
}
