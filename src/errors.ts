// The one error type of this package. Relies on nothing.

/** What an error is about, for programs; the message already says it for people. */
export interface ErrorPlace {
  /** Path within the volume or on the host. */
  path?: string;
  /** Inode number. */
  ino?: number;
  /** Node number. */
  nid?: number;
  /** Block address, in 4 KiB blocks from the start of the device. */
  blkaddr?: number;
  /** Segment number within the main area. */
  segno?: number;
  cause?: unknown;
}

/**
 * Every failure of this package. `code` is an errno name as Node spells it; `EUCLEAN` is the kernel's EFSCORRUPTED
 * (the image is damaged), `EOPNOTSUPP` names a part of the format that is not written or read here.
 */
export class F2fsError extends Error {
  override readonly name = 'F2fsError';
  readonly code: string;
  readonly path?: string;
  readonly ino?: number;
  readonly nid?: number;
  readonly blkaddr?: number;
  readonly segno?: number;

  constructor(code: string, message: string, place: ErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.code = code;
    this.path = place.path;
    this.ino = place.ino;
    this.nid = place.nid;
    this.blkaddr = place.blkaddr;
    this.segno = place.segno;
  }
}

/** A damaged image: the kernel's EFSCORRUPTED. */
export function corrupt(message: string, place: ErrorPlace = {}): F2fsError {
  return new F2fsError('EUCLEAN', message, place);
}

/** Turns a failure of a node:fs call into an F2fsError that says what was being done. */
export function hostError(doing: string, cause: unknown, place: ErrorPlace = {}): F2fsError {
  if (cause instanceof F2fsError) return cause;
  let code = (cause as NodeJS.ErrnoException | undefined)?.code ?? 'EIO';
  // Node's own, which are no errno: a zero byte in a path, above all.
  if (code.startsWith('ERR_')) code = code.startsWith('ERR_INVALID_') ? 'EINVAL' : 'EIO';
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new F2fsError(code, `${doing}: ${reason}`, { ...place, cause });
}
