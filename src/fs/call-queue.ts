// The calls of the promise API, one after the other in the order in which they came. A call that goes on in a promise holds the queue,
// and what is called within it has a queue of its own.
import { abortError } from '../errors.ts';
import { CallContext } from '../platform/context.ts';
import { nextTurn } from '../platform/turns.ts';

/** Milliseconds of calls between two turns of the event loop. */
const SLICE_MS = 10;

/** What a call is told that its signal ended. */
const ENDED = 'the call was ended before its turn';

/** Runs work in turn. A call is never begun before the one ahead of it has ended. */
export class CallQueue {
  #waiting: (() => void)[] = [];
  #isScheduled = false;
  #isHeld = false;
  /** Of a queue within a call: whether that has ended. */
  #isOver = false;
  readonly #outer: CallQueue | null;
  /** The queue of the call that is made within, for all of a volume; it follows awaits and callbacks. */
  readonly #within: CallContext<CallQueue>;

  constructor(outer: CallQueue | null = null) {
    this.#outer = outer;
    this.#within = outer === null ? new CallContext() : outer.#within;
  }

  /**
   * Resolves with what `work` returns, or rejects with what it throws; the calls behind it go on in any case. A signal that comes
   * before its turn ends it at once, with an AbortError.
   */
  run<T>(work: () => T, signal?: AbortSignal | null): Promise<T> {
    return this.#innermost.#add(work, signal);
  }

  /**
   * The same of work that may return a promise: the calls behind it wait until that settles, but for those that are made within it.
   */
  hold<T>(work: () => T | PromiseLike<T>): Promise<T> {
    const asked = this.#innermost;
    return asked.#add(() => {
      const outer = asked.#living;
      const own = new CallQueue(outer);
      let result: T | PromiseLike<T>;
      try {
        result = this.#within.run(own, work);
      } catch (error) {
        own.#end();
        throw error;
      }
      if (!isThenable(result)) {
        own.#end();
        return result;
      }
      outer.#isHeld = true;
      // What is called within, and nobody waited for, is done first.
      const end = () => void own.#add(() => own.#end());
      const settled = Promise.resolve(result);
      settled.then(end, end);
      return settled;
    });
  }

  /** Where a call goes that is made now. */
  get #innermost(): CallQueue {
    return (this.#within.getStore() ?? this).#living;
  }

  /** This, or where its calls went when it ended. */
  get #living(): CallQueue {
    let queue: CallQueue = this;
    while (queue.#isOver && queue.#outer !== null) queue = queue.#outer;
    return queue;
  }

  #add<T>(work: () => T | PromiseLike<T>, signal?: AbortSignal | null): Promise<T> {
    return new Promise((resolve, reject) => {
      const abort = () => reject(abortError(signal as AbortSignal, ENDED));
      if (signal?.aborted) return abort();
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.push(() => {
        signal?.removeEventListener('abort', abort);
        if (signal?.aborted) return;
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
      this.#schedule();
    });
  }

  /** Gives the turn back; calls that came after it are the next. */
  #end(): void {
    const outer = this.#outer as CallQueue;
    this.#isOver = true;
    if (this.#waiting.length > 0) outer.#waiting = [...this.#waiting, ...outer.#waiting];
    this.#waiting = [];
    outer.#isHeld = false;
    // As long as it is in use, all promises of the process take several times as long.
    if (outer.#outer === null) this.#within.disable();
    outer.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isHeld || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    nextTurn(() => this.#drain());
  }

  #drain(): void {
    const end = performance.now() + SLICE_MS;
    do {
      this.#waiting.shift()?.();
    } while (!this.#isHeld && this.#waiting.length > 0 && performance.now() < end);
    this.#isScheduled = false;
    this.#schedule();
  }
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === 'function';
}
