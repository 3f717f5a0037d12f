// The time that changes are stamped with: the system's, or what a mount was given.
import { type Check, checkObject, invalid } from '../check.ts';
import { F2fsError } from '../errors.ts';
import type { Inode, Timestamp } from '../file/inode/inode.ts';

/** Throws EINVAL for what is no time: seconds that a number holds, nanoseconds within one. */
export const isTimestamp: Check = (time, what) => {
  checkObject(time, what);
  const { sec, nsec } = time as Timestamp;
  for (const key in time as Timestamp)
    if (key !== 'sec' && key !== 'nsec') throw invalid(what, key, 'sec and nsec alone');
  if (!Number.isSafeInteger(sec)) throw invalid(`${what}: sec`, sec, 'a whole number within 2^53');
  if (!Number.isInteger(nsec) || nsec < 0 || nsec >= 1_000_000_000)
    throw invalid(`${what}: nsec`, nsec, '0 to 999999999');
};

let lastMs = 0;
let lastTime: Timestamp = { sec: 0, nsec: 0 };

/** The system's time, in milliseconds; the same object while it is the same. */
export function systemTime(): Timestamp {
  const ms = Date.now();
  if (ms !== lastMs) {
    lastMs = ms;
    lastTime = { sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1_000_000 };
  }
  return lastTime;
}

/**
 * A clock whose every answer is a time that an inode can hold. It is asked in the middle of changes: `onFailure` must see to it that
 * half a change is never written. Throws EINVAL for what is no time, and what the clock throws as the cause of one.
 */
function checkedClock(now: () => Timestamp, onFailure: (error: F2fsError) => void): () => Timestamp {
  return () => {
    try {
      const time = now();
      isTimestamp(time, 'time from now()');
      return time;
    } catch (cause) {
      const error =
        cause instanceof F2fsError ? cause : new F2fsError('EINVAL', 'now() gave no time: it failed', { cause });
      onFailure(error);
      throw error;
    }
  };
}

export class Clock {
  readonly now: () => Timestamp;

  /**
   * @param now default: the system's time
   * @param onFailure see to it that nothing is written any more: `now` failed in the middle of a change
   */
  constructor(now: (() => Timestamp) | undefined, onFailure: (error: F2fsError) => void) {
    this.now = now === undefined ? systemTime : checkedClock(now, onFailure);
  }

  /** An inode itself changed now. */
  stampChange(inode: Inode): void {
    const { sec, nsec } = this.now();
    const raw = inode.changeTimes();
    raw.iCtime = sec;
    raw.iCtimeNsec = nsec;
  }

  /** The contents of a file or directory changed now. */
  touch(inode: Inode): void {
    inode.touch(this.now());
  }
}
