// What a file is opened for, in the words of node:fs.
import { F2fsError } from '../errors.ts';

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

/** Throws EINVAL for flags that are none. */
export function accessOf(flags: string): Access {
  const parts = /^(r|r\+|[wa]x?\+?)$/.exec(flags);
  if (parts === null) {
    throw new F2fsError(
      'EINVAL',
      `"${flags}" are no flags to open a file with: r, r+, w, w+, wx, wx+, a, a+, ax and ax+ are`,
    );
  }
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

/** Everything, on a file that is there. */
export const READ_WRITE: Access = accessOf('r+');
