// What was put of a tree into a volume, by whichever way.

export interface Populated {
  /** Regular files, by their first names. */
  files: number;
  /** Directories that were made. */
  directories: number;
  /** Symlinks that were made. */
  symlinks: number;
  /** Fifos, sockets, devices. */
  special: number;
  /** Names beyond an inode's first. */
  hardLinks: number;
  /** Bytes of the regular files. */
  contentBytes: number;
  /** Extended attributes that were set. */
  xattrs: number;
}
