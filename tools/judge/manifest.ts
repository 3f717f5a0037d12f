// What a tree holds, in a form that can be stored, read back and compared: the common language of the judges.

/** d directory, f file, l symbolic link, p fifo, s socket, b block device, c character device. */
export type EntryType = 'd' | 'f' | 'l' | 'p' | 's' | 'b' | 'c';

/**
 * One entry of a tree. Names, paths and targets are bytes: each character is one byte (latin1), so that names that
 * are not UTF-8 survive. Compare and sort them as they are; decode only for show.
 */
export interface ManifestEntry {
  /** Relative to the root, without a leading slash; the root itself is ''. */
  readonly path: string;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky: 12 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; of files and symbolic links only. */
  readonly size?: number;
  /** Nanoseconds since 1970, decimal: it does not fit a number. */
  readonly mtimeNs: string;
  /** Links within the tree: paths of a file, 2 + subdirectories of a directory. */
  readonly nlink: number;
  readonly target?: string;
  readonly major?: number;
  readonly minor?: number;
  /** Of a file's content, hex. */
  readonly sha256?: string;
  /** Full name (latin1) to value (hex). Absent when there are none. */
  readonly xattrs?: Readonly<Record<string, string>>;
  /** First path (in byte order) of the hard-link group, when the inode has several paths here. */
  readonly link?: string;
}

/** A tree: its entries sorted by path, the root first. */
export interface Manifest {
  readonly version: 1;
  readonly entries: readonly ManifestEntry[];
}

/** An entry before hard links and directory links were counted, as the listers find it. */
export type RawEntry = Omit<ManifestEntry, 'nlink' | 'link'> & {
  /** Names the inode within one tree. */
  readonly inode: string;
  /** The file system's own link count; undefined when the source's is to be counted instead. */
  readonly nlink?: number;
};

/** Options of {@link finishManifest}. */
export interface FinishOptions {
  /** Leaves out `lost+found` in the root, with all in it: mkfs makes it, the source does not have it. */
  readonly skipLostAndFound?: boolean;
}

/** Sorts entries, finds the hard-link groups, and counts links where the lister gave no count. */
export function finishManifest(found: readonly RawEntry[], options: FinishOptions = {}): Manifest {
  const skip = (path: string) => path === 'lost+found' || path.startsWith('lost+found/');
  const hadLostAndFound = options.skipLostAndFound === true && found.some((entry) => entry.path === 'lost+found');
  const raw = hadLostAndFound ? found.filter((entry) => !skip(entry.path)) : [...found];
  raw.sort((a, b) => comparePaths(a.path, b.path));
  const groups = new Map<string, string[]>();
  const subdirs = new Map<string, number>();
  for (const entry of raw) {
    if (entry.type !== 'd') {
      const group = groups.get(entry.inode);
      if (group) group.push(entry.path);
      else groups.set(entry.inode, [entry.path]);
    } else if (entry.path !== '') {
      const parent = entry.path.slice(0, Math.max(0, entry.path.lastIndexOf('/')));
      subdirs.set(parent, (subdirs.get(parent) ?? 0) + 1);
    }
  }
  const entries = raw.map(({ inode, nlink, ...rest }): ManifestEntry => {
    if (rest.type === 'd') {
      const extra = hadLostAndFound && rest.path === '' ? 1 : 0;
      return { ...rest, nlink: nlink === undefined ? 2 + (subdirs.get(rest.path) ?? 0) : nlink - extra };
    }
    const group = groups.get(inode)!;
    const counted = { ...rest, nlink: nlink ?? group.length };
    return group.length > 1 ? { ...counted, link: group[0] } : counted;
  });
  return { version: 1, entries };
}

function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Shows a byte string: UTF-8 where it is that, escapes elsewhere. */
export function showPath(path: string): string {
  const bytes = Buffer.from(path, 'latin1');
  const text = bytes.toString('utf8');
  const shown = Buffer.from(text, 'utf8').equals(bytes) ? text : path;
  return JSON.stringify(shown === '' ? '/' : shown);
}

const comparedFields = [
  'type',
  'mode',
  'uid',
  'gid',
  'size',
  'mtimeNs',
  'nlink',
  'target',
  'major',
  'minor',
  'link',
] as const;

/** What {@link compareManifests} found. `differences` is bounded; `count` is not. */
export interface Comparison {
  readonly equal: boolean;
  readonly count: number;
  readonly differences: string[];
}

/** Compares two trees, entry by entry and field by field, into lines for a person; at most `limit` of them. */
export function compareManifests(expected: Manifest, actual: Manifest, limit = 50): Comparison {
  const differences: string[] = [];
  let count = 0;
  const report = (line: string) => {
    count++;
    if (differences.length < limit) differences.push(line);
  };
  const rest = new Map(actual.entries.map((entry) => [entry.path, entry]));
  if (rest.size !== actual.entries.length) report(`${actual.entries.length - rest.size} paths are listed twice`);
  for (const want of expected.entries) {
    const got = rest.get(want.path);
    if (!got) {
      report(`${showPath(want.path)}: missing`);
      continue;
    }
    rest.delete(want.path);
    for (const line of compareEntries(want, got)) report(`${showPath(want.path)}: ${line}`);
  }
  for (const path of rest.keys()) report(`${showPath(path)}: should not be there`);
  return { equal: count === 0, count, differences };
}

function* compareEntries(want: ManifestEntry, got: ManifestEntry): Generator<string> {
  for (const field of comparedFields) {
    if (want[field] === got[field]) continue;
    const show = (value: string | number | undefined) =>
      field === 'mode' && typeof value === 'number' ? `0${value.toString(8)}` : String(value);
    yield `${field} is ${show(got[field])}, should be ${show(want[field])}`;
  }
  if (want.sha256 !== got.sha256) yield `content differs (sha256 ${got.sha256}, should be ${want.sha256})`;
  const wanted = want.xattrs ?? {};
  const found = got.xattrs ?? {};
  for (const name of new Set([...Object.keys(wanted), ...Object.keys(found)])) {
    if (wanted[name] === found[name]) continue;
    if (found[name] === undefined) yield `xattr ${name} missing`;
    else if (wanted[name] === undefined) yield `xattr ${name} should not be there`;
    else yield `xattr ${name} is 0x${found[name].slice(0, 80)}, should be 0x${wanted[name].slice(0, 80)}`;
  }
}
