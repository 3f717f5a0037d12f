// The names of a path, one after the other: time and memory by its length, however many there are. Relies on nothing.

const SLASH = 0x2f;
const ROOT = Uint8Array.of(SLASH);

/** The names of a path from left to right; those of a symlink's target come before those that are left. */
export class Names {
  /** Paths that names are still to be taken from, the first one last; and where the next name begins in each. */
  readonly #paths: { bytes: Uint8Array; at: number }[] = [];

  constructor(path: Uint8Array) {
    this.insert(path);
  }

  /** Whether no name is left. */
  get isAtEnd(): boolean {
    return this.#paths.length === 0;
  }

  /** The next name, a view; null at the end. */
  next(): Uint8Array | null {
    const top = this.#paths.at(-1);
    if (top === undefined) return null;
    const slash = top.bytes.indexOf(SLASH, top.at);
    const end = slash < 0 ? top.bytes.length : slash;
    const name = top.bytes.subarray(top.at, end);
    top.at = skipSlashes(top.bytes, end);
    if (top.at === top.bytes.length) this.#paths.pop();
    return name;
  }

  /** Has the names of `path` come next. */
  insert(path: Uint8Array): void {
    const at = skipSlashes(path, 0);
    if (at < path.length) this.#paths.push({ bytes: path, at });
  }
}

/** The last name of a path, null when it has none; and the path before it, `/` for a name in the root. */
export function splitLast(path: Uint8Array): { directory: Uint8Array; name: Uint8Array | null } {
  const end = trimSlashes(path, path.length);
  if (end === 0) return { directory: ROOT, name: null };
  const start = path.lastIndexOf(SLASH, end - 1) + 1;
  const directory = path.subarray(0, trimSlashes(path, start));
  return { directory: directory.length === 0 ? ROOT : directory, name: path.subarray(start, end) };
}

/** The path of a name in the directory at a path. */
export function joinName(directory: Uint8Array, name: Uint8Array): Uint8Array {
  const slashes = directory.length > 0 && directory[directory.length - 1] !== SLASH ? 1 : 0;
  const path = new Uint8Array(directory.length + slashes + name.length);
  path.set(directory);
  if (slashes > 0) path[directory.length] = SLASH;
  path.set(name, directory.length + slashes);
  return path;
}

/** Where the symlink of that target in the directory at a path leads. */
export function joinTarget(directory: Uint8Array, target: Uint8Array): Uint8Array {
  return target[0] === SLASH ? target : joinName(directory, target);
}

/** A relative path of names. */
export function joinNames(names: readonly Uint8Array[]): Uint8Array {
  const path = new Uint8Array(names.reduce((length, name) => length + name.length + 1, -1));
  let end = 0;
  for (const name of names) {
    if (end > 0) path[end++] = SLASH;
    path.set(name, end);
    end += name.length;
  }
  return path;
}

function skipSlashes(path: Uint8Array, from: number): number {
  let at = from;
  while (path[at] === SLASH) at++;
  return at;
}

function trimSlashes(path: Uint8Array, from: number): number {
  let end = from;
  while (end > 0 && path[end - 1] === SLASH) end--;
  return end;
}
