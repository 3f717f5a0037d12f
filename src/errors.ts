// The one error type of this package. Relies on faults.ts.
import { type FaultArguments, type FaultKind, type FaultPlace, faultText, type Report } from './faults.ts';

import { reasonText } from './platform/errno.ts';

export { errnoText } from './platform/errno.ts';

/** What an error is about, for programs; the message already says it for people. */
export interface ErrorPlace extends FaultPlace {
  /** Of a damaged image: what is wrong with it. */
  fault?: FaultKind;
  /** What failed below. */
  cause?: unknown;
}

/** An errno's name, as Node spells it. */
const ERRNO = /^E[A-Z0-9]+$/;

/**
 * Every failure of this package. `code` is an errno name as Node spells it; `EUCLEAN` is the kernel's EFSCORRUPTED
 * (the image is damaged: `fault` says in what way), `EOPNOTSUPP` names a part of the format that is not written or read here. What a signal ended is `ECANCELED`,
 * by the name `AbortError`, and the signal's reason its cause.
 */
export class F2fsError extends Error {
  /** `F2fsError`; of what a signal ended `AbortError`. */
  override readonly name: string = 'F2fsError';
  /** Errno name as Node spells it: `ENOENT`. */
  readonly code: string;
  /** Path concerned, in the volume or on the host. */
  readonly path?: string;
  /** Inode number. */
  readonly ino?: number;
  /** Node number. */
  readonly nid?: number;
  /** Block of the volume. */
  readonly blkaddr?: number;
  /** Segment of the main area. */
  readonly segno?: number;
  /** What is wrong with the image, from a closed list; of `EUCLEAN`, and of `EIO` where verity finds contents changed. */
  readonly fault?: FaultKind;

  /** Made with anything else, it is the error that says so, with code EINVAL: who throws it throws no TypeError. */
  constructor(code: string, message: string, place: ErrorPlace = {}) {
    const isPlace = typeof place === 'object' && place !== null;
    if (typeof code !== 'string' || !ERRNO.test(code) || typeof message !== 'string' || !isPlace) {
      super('invalid arguments of F2fsError: expected an errno name, a message and an object');
      this.code = 'EINVAL';
      return;
    }
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.code = code;
    this.path = place.path;
    this.ino = place.ino;
    this.nid = place.nid;
    this.blkaddr = place.blkaddr;
    this.segno = place.segno;
    this.fault = place.fault;
  }
}

/** What its caller's signal ended, by the name that all such failures have in Node. */
class AbortError extends F2fsError {
  override readonly name = 'AbortError';
}

/** The failure of what a signal that was given has ended. */
export function abortError(signal: AbortSignal, message: string): F2fsError {
  return new AbortError('ECANCELED', message, { cause: signal.reason });
}

/** Throws an AbortError (ECANCELED) once the signal was given. */
export function checkSignal(signal: AbortSignal | null | undefined, message: string): void {
  if (signal?.aborted) throw abortError(signal, message);
}

/** A damaged image: the kernel's EFSCORRUPTED. */
export function corrupt<K extends FaultKind>(kind: K, ...what: FaultArguments<K>): F2fsError {
  return corruptAs(kind, faultText(kind, ...what), what[0]);
}

/** The same, in a sentence that says more. */
export function corruptAs(kind: FaultKind, message: string, place: FaultPlace): F2fsError {
  return new F2fsError('EUCLEAN', message, { ...place, fault: kind });
}

/** What a mount does about a fault. */
export const throwFault: Report = (kind, ...what) => {
  throw corrupt(kind, ...what);
};

/** Turns a failure of a node:fs call into an F2fsError that says what was being done. */
export function hostError(doing: string, cause: unknown, place: ErrorPlace = {}): F2fsError {
  if (cause instanceof F2fsError) return cause;
  const reason = cause instanceof Error ? withoutCall(cause) : typeof cause === 'string' ? cause : 'it failed';
  return new F2fsError(errnoOf(cause), `${doing}: ${reason}`, { ...place, cause });
}

/**
 * `permission denied` of Node's `EACCES: permission denied, open '/a/path'`: the code is told beside it, and the path may be one of a
 * temporary file.
 */
function withoutCall({ code, syscall, message }: NodeJS.ErrnoException): string {
  if (code === undefined || syscall === undefined || !message.startsWith(`${code}: `)) return message;
  const end = message.indexOf(`, ${syscall}`);
  return end < 0 ? message : reasonText(message.slice(code.length + 2, end));
}

/**
 * The same for a call that writes an image or device, `kind` of the host's: nobody is to take the host's lack of space for one of the
 * volume.
 */
export function hostWriteError(doing: string, kind: 'file' | 'block', cause: unknown, place: ErrorPlace): F2fsError {
  const isFull = kind === 'file' && !(cause instanceof F2fsError) && errnoOf(cause) === 'ENOSPC';
  if (!isFull) return hostError(doing, cause, place);
  const message = `${doing}: the file system of the host that holds it is full; make room there`;
  return new F2fsError('ENOSPC', message, { ...place, cause });
}

/** The errno of a failure, EIO where it has none. Of Node's own codes a wrong argument is EINVAL: a zero byte in a path, above all. */
function errnoOf(cause: unknown): string {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  if (typeof code !== 'string') return 'EIO';
  if (ERRNO.test(code)) return code;
  return code.startsWith('ERR_INVALID_') ? 'EINVAL' : 'EIO';
}
