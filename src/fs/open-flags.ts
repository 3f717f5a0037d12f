// What a file is opened for, in the words of node:fs.
import { invalid } from '../check.ts';
import {
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_NOCTTY,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
} from '../platform/open-constants.ts';

/** As in node:fs; the synchronous ones (`rs`, `as`) are not here: `fsync` says when. */
export type OpenFlags = 'r' | 'r+' | 'w' | 'wx' | 'w+' | 'wx+' | 'a' | 'ax' | 'a+' | 'ax+';

/** What may be done with a handle, and what opening it does. */
export interface Access {
  readonly read: boolean;
  readonly write: boolean;
  /** Every write goes to the end of the file. Source: O_APPEND. */
  readonly append: boolean;
  /** A file that is not there is made. Source: O_CREAT. */
  readonly create: boolean;
  /** One that is there is refused. Source: O_EXCL. */
  readonly exclusive: boolean;
  /** One that is there is emptied. Source: O_TRUNC. */
  readonly truncate: boolean;
}

/** Words, or the numbers of fs.constants. Throws EINVAL for flags that are none, or that mean nothing here. */
export function accessOf(flags: OpenFlags | number): Access {
  if (typeof flags === 'number') return accessOfBits(flags);
  if (typeof flags !== 'string' || !/^(r|r\+|[wa]x?\+?)$/.test(flags))
    throw invalid('flags', flags, 'r, r+, w, w+, wx, wx+, a, a+, ax or ax+');
  const create = flags[0] !== 'r';
  const both = flags.endsWith('+');
  return {
    read: both || !create,
    write: both || create,
    append: flags[0] === 'a',
    create,
    exclusive: flags.includes('x'),
    truncate: flags[0] === 'w',
  };
}

function accessOfBits(flags: number): Access {
  const known = O_WRONLY | O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_NOCTTY;
  const mode = flags & (O_WRONLY | O_RDWR);
  const has = (bit: number) => (flags & bit) !== 0;
  const isNumber = Number.isInteger(flags) && flags >= 0 && flags < 2 ** 31;
  const isPossible = [O_RDONLY, O_WRONLY, O_RDWR].includes(mode) && !(has(O_TRUNC) && mode === O_RDONLY);
  if (!isNumber || (flags & ~known) !== 0 || !isPossible) {
    throw invalid('flags', flags, 'O_RDONLY, O_WRONLY or O_RDWR with O_CREAT, O_EXCL, O_TRUNC or O_APPEND');
  }
  return {
    read: mode !== O_WRONLY,
    write: mode !== O_RDONLY,
    append: has(O_APPEND),
    create: has(O_CREAT),
    exclusive: has(O_CREAT) && has(O_EXCL),
    truncate: has(O_TRUNC),
  };
}

/** Everything, on a file that is there. */
export const READ_WRITE: Access = accessOf('r+');
