// The calls of the promise API, one after the other in the order in which they came.

/** Milliseconds of calls between two turns of the event loop. */
const SLICE_MS = 10;

/** Runs synchronous work in turn. A call is never begun before the one ahead of it has ended. */
export class CallQueue {
  #waiting: (() => void)[] = [];
  #isScheduled = false;

  /** Resolves with what `work` returns, or rejects with what it throws; the calls behind it go on in any case. */
  run<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#drain());
  }

  #drain(): void {
    const calls = this.#waiting;
    const end = performance.now() + SLICE_MS;
    let done = 0;
    while (done < calls.length && (done === 0 || performance.now() < end)) calls[done++]();
    this.#waiting = calls.slice(done);
    this.#isScheduled = false;
    if (this.#waiting.length > 0) this.#schedule();
  }
}
