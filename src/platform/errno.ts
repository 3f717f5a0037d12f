// The host's errnos in words.
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** What an errno's name means: `permission denied`; the name itself where the host knows none. */
export function errnoText(code: string): string {
  const errno = (constants.errno as Record<string, number>)[code];
  return reasonText((errno === undefined ? undefined : getSystemErrorMap().get(-errno)?.[1]) ?? code);
}

/** The words of an errno as Node has them, of which some are about sockets, whatever the call was about. */
export function reasonText(text: string): string {
  return text.replace(/^operation not supported on socket/, 'operation not supported');
}
