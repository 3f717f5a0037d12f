// Numbers of users and groups by their names, which ACLs in archives have: those of the files /etc/passwd and /etc/group in the archive,
// then those of its headers, then the host's, as tar itself would take them.
import * as fs from 'node:fs';
import { FIELDS, type Field, textLength } from './header.ts';

type Kind = 'user' | 'group';

/** Names that headers are remembered for, at most. */
const MAX_NAMES = 10_000;
/** Largest file of users or groups that is read. */
export const MAX_ACCOUNTS_BYTES = 4 * 2 ** 20;
const NAME_BYTES = 32;
const FILES: Readonly<Record<Kind, string>> = { user: 'etc/passwd', group: 'etc/group' };

/** Owners as headers name them, one after the other. */
class HeaderNames {
  readonly #field: Field;
  readonly ids = new Map<string, number>();
  readonly #last = Buffer.alloc(NAME_BYTES);
  #lastId = -1;

  constructor(field: Field) {
    this.#field = field;
  }

  note(block: Uint8Array, id: number): void {
    const { at } = this.#field;
    if (id === this.#lastId && isSame(block, at, this.#last)) return;
    this.#lastId = id;
    this.#last.set(block.subarray(at, at + NAME_BYTES));
    const name = this.#last.toString('latin1', 0, textLength(this.#last, { at: 0, length: NAME_BYTES }));
    if (name !== '' && this.ids.size < MAX_NAMES && !this.ids.has(name)) this.ids.set(name, id);
  }
}

function isSame(block: Uint8Array, at: number, last: Uint8Array): boolean {
  for (let i = 0; i < NAME_BYTES; i++) {
    if (block[at + i] !== last[i]) return false;
    // What follows a NUL says nothing.
    if (last[i] === 0) return true;
  }
  return true;
}

export class OwnerNames {
  readonly #headers: Readonly<Record<Kind, HeaderNames>> = {
    user: new HeaderNames(FIELDS.UNAME),
    group: new HeaderNames(FIELDS.GNAME),
  };
  readonly #accounts = new Map<string, ReadonlyMap<string, number>>();
  /** Names for which the host was asked. */
  readonly fromHost = new Set<string>();

  /** Remembers whom a header names. */
  note(block: Uint8Array, uid: number, gid: number): void {
    this.#headers.user.note(block, uid);
    this.#headers.group.note(block, gid);
  }

  /** @param read gives a file of the archive by its path; null when there is none */
  find(kind: Kind, bytes: Buffer, read: (path: string) => Uint8Array | null): number | null {
    const name = bytes.toString('latin1');
    const path = FILES[kind];
    const inArchive = this.#accountsOf(path, () => read(path)).get(name) ?? this.#headers[kind].ids.get(name);
    if (inArchive !== undefined) return inArchive;
    const onHost = this.#accountsOf(`/${path}`, () => readHost(`/${path}`)).get(name);
    if (onHost === undefined) return null;
    this.fromHost.add(`${kind} ${name} (${onHost})`);
    return onHost;
  }

  #accountsOf(path: string, read: () => Uint8Array | null): ReadonlyMap<string, number> {
    let known = this.#accounts.get(path);
    if (known === undefined) this.#accounts.set(path, (known = parseAccounts(read())));
    return known;
  }
}

function readHost(path: string): Uint8Array | null {
  try {
    return fs.readFileSync(path);
  } catch {
    return null;
  }
}

/** Numbers by names, of lines such as `name:x:1000:...`; the first of a name counts. */
function parseAccounts(bytes: Uint8Array | null): Map<string, number> {
  const ids = new Map<string, number>();
  if (bytes === null) return ids;
  for (const line of Buffer.from(bytes).toString('latin1').split('\n')) {
    const [name, , id = ''] = line.split(':');
    if (/^\d{1,10}$/.test(id) && !ids.has(name)) ids.set(name, Number(id));
  }
  return ids;
}
