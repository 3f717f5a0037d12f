// Owners as chown takes them: numbers, and names that the image's own tables give a number to. The host's would be others.
import { InvalidArgumentError } from 'commander';
import { display } from '../bytes.ts';
import { F2fsError } from '../errors.ts';
import type { FileSystem } from '../index.ts';
import { MAX_ID } from '../limits.ts';
import { naming } from './naming.ts';
import { shortSize } from './sizes.ts';

/** A number, or a name to be looked up. */
type Who = number | string;

/** What is left out stays. `login`: the group that the user's line in the table has. */
export interface OwnerSpec {
  readonly user?: Who;
  readonly group?: Who | { readonly login: true };
}

/** What is left out stays. */
export interface OwnerChange {
  uid?: number;
  gid?: number;
}

interface Table {
  readonly path: string;
  /** What a line of it is about. */
  readonly kind: 'user' | 'group';
}

const PASSWD: Table = { path: '/etc/passwd', kind: 'user' };
const GROUP: Table = { path: '/etc/group', kind: 'group' };
/** Bytes of a table at most: some 100,000 users. */
const MAX_TABLE = 16 * 1024 * 1024;
/** Fields of a line, which colons part. */
const NAME = 0;
const NUMBER = 2;
const LOGIN_GROUP = 3;

/** `1000`, `www`, `www:adm`, `www:`, `:100`. Throws commander's error. */
export function parseOwnerSpec(text: string): OwnerSpec {
  const match = /^([^:]*)(?:(:)([^:]*))?$/.exec(text);
  const [, user = '', colon, group = ''] = match ?? [];
  if (user === '' && group === '') throw new InvalidArgumentError('Expected USER, USER:GROUP, USER: or :GROUP.');
  const login = colon !== undefined && group === '' ? { login: true as const } : undefined;
  return {
    user: user === '' ? undefined : whoOf(user),
    group: group === '' ? login : whoOf(group),
  };
}

function whoOf(text: string): Who {
  if (!/^\d+$/.test(text)) return text;
  if (Number(text) <= MAX_ID) return Number(text);
  throw new InvalidArgumentError(`Expected numbers of ${MAX_ID} at most.`);
}

/**
 * The numbers of owners, by /etc/passwd and /etc/group of the volume, symlinks followed there. Throws EINVAL for a name that they do
 * not have, and what reading them throws.
 */
export function resolveOwner(volume: FileSystem, { user, group }: OwnerSpec): OwnerChange {
  const change: OwnerChange = {};
  if (user !== undefined) change.uid = numberOf(volume, PASSWD, user);
  if (typeof group === 'object') change.gid = loginGroup(volume, user);
  else if (group !== undefined) change.gid = numberOf(volume, GROUP, group);
  return change;
}

function numberOf(volume: FileSystem, table: Table, who: Who): number {
  if (typeof who === 'number') return who;
  return field(lineOf(volume, table, NAME, who), NUMBER, table);
}

function loginGroup(volume: FileSystem, user: Who | undefined): number {
  const key = typeof user === 'number' ? NUMBER : NAME;
  return field(lineOf(volume, PASSWD, key, String(user)), LOGIN_GROUP, PASSWD);
}

/** The fields of the first line whose field `key` is `wanted`. */
function lineOf(volume: FileSystem, table: Table, key: number, wanted: string): string[] {
  // One character a byte: neither names nor the rest need be UTF-8.
  const sought = Buffer.from(wanted).toString('latin1');
  for (const line of textOf(volume, table, wanted).split('\n')) {
    const fields = line.split(':');
    if (fields[key] === sought && fields.length > LOGIN_GROUP) return fields;
  }
  throw unknown(table, wanted, `${table.path} of the image has no such ${table.kind}`);
}

function textOf(volume: FileSystem, table: Table, wanted: string): string {
  const path = Buffer.from(table.path);
  try {
    return naming(path, () => {
      using file = volume.openFile(table.path);
      const { size } = file.stat();
      if (size <= MAX_TABLE) return Buffer.from(volume.readFile(table.path)).toString('latin1');
      throw new F2fsError('EFBIG', `${shortSize(size)} are too much for a table of names; give a number`);
    });
  } catch (error) {
    if (!(error instanceof F2fsError) || error.code !== 'ENOENT') throw error;
    throw unknown(table, wanted, `the image has no ${table.path}`);
  }
}

/** `wanted`: a name; a number is looked for only where its login group is. */
function unknown({ kind }: Table, wanted: string, why: string): F2fsError {
  if (/^\d+$/.test(wanted))
    return new F2fsError('EINVAL', `the login group of user ${wanted} is not known, as ${why}: give USER:GROUP`);
  return new F2fsError('EINVAL', `unknown ${kind} '${wanted}': ${why}; give a number, or a name of the image`);
}

/** A number of a line. Throws EINVAL where the line has none. */
function field(fields: readonly string[], at: number, { path, kind }: Table): number {
  if (/^\d{1,10}$/.test(fields[at])) return Number(fields[at]);
  const name = display(Buffer.from(fields[NAME], 'latin1'));
  throw new F2fsError(
    'EINVAL',
    `the line of the ${kind} '${name}' in ${path} of the image has no number in field ${at + 1}`,
  );
}
