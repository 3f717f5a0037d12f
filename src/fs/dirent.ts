// An entry of a directory in the shape of the Dirent of node:fs.
import type { Path } from '../bytes.ts';
import { Buffer } from '../platform/buffer.ts';
import { utf8Text } from '../platform/bytes.ts';
import { joinPaths } from '../platform/paths.ts';
import type { DirectoryEntry } from './directory-handle.ts';
import { OfType } from './of-type.ts';

/** What node:fs makes of the path of a directory: text of text, a Buffer of bytes. */
export type ParentPath<P extends Path> = P extends string ? string : Buffer;

/**
 * A Dirent as node:fs gives it, to which inode number and type are added. `Name` is what the encoding asks for, `Parent` what the
 * path was.
 */
export class VolumeDirent<
  Name extends string | Buffer = string,
  Parent extends string | Buffer = string,
> extends OfType {
  /** Without the directory that it is in. */
  readonly name: Name;
  /** The path of the directory that it is in: as it was given, and below that joined to it. */
  readonly parentPath: Parent;
  /** The same, as Node 20 has it besides. */
  readonly path: Parent;
  /** Inode number. */
  readonly ino: number;

  constructor(name: Name, parentPath: Parent, { ino, type }: Pick<DirectoryEntry, 'ino' | 'type'>) {
    super(type);
    this.name = name;
    this.parentPath = parentPath;
    this.path = parentPath;
    this.ino = ino;
  }
}

/** The path of a directory that lies `below` the one that was given as `path`; itself when that is empty. */
export function parentPathOf(path: Path, below: Uint8Array): string | Buffer {
  const bytes = Buffer.from(below);
  if (typeof path === 'string') return bytes.length === 0 ? path : joinPaths(path, utf8Text(below));
  const given = Buffer.from(path);
  if (bytes.length === 0) return given;
  // latin1 has a character for each byte, so that names stay as they are.
  return Buffer.from(joinPaths(given.toString('latin1'), bytes.toString('latin1')), 'latin1');
}
