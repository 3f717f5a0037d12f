// SIGINT, SIGTERM and SIGHUP during work that cleans up after itself.
import { complain, EXIT } from './errors.ts';

/** Milliseconds within which signals count as one. */
const TOGETHER_MS = 1000;

/** The signals that end a command, and its exit code then. */
const ENDINGS = { SIGINT: EXIT.sigint, SIGTERM: EXIT.sigterm, SIGHUP: EXIT.sighup } as const;
type Ending = keyof typeof ENDINGS;
const NAMES = Object.keys(ENDINGS) as Ending[];
/** The one that listens. */
let current: Interruption | null = null;

/**
 * Does in one go what may take long and needs no cleaning up after: a signal ends the process at once meanwhile. Otherwise it would
 * be heard when the work is done.
 */
export function killable<T>(work: () => T): T {
  return current === null ? work() : current.suspend(work);
}

/**
 * The first signal aborts `signal`; a later one ends the process at once. One that comes together with the first is the
 * same wish told twice: a terminal signals the whole group, and a parent such as npm or timeout passes it on.
 */
export class Interruption {
  readonly #controller = new AbortController();
  /** Whether something would be left behind if the process ended at once: `killable` does not let it then. */
  mustCleanUp = false;
  #received: Ending | null = null;
  #receivedAt = 0;

  constructor() {
    this.#listen();
    current = this;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Tells that `command` ended by a signal; null when none came. */
  exitCode(command: string, consequence: string): number | null {
    if (this.#received === null) return null;
    complain(command, `ended by ${this.#received}; ${consequence}`);
    return ENDINGS[this.#received];
  }

  [Symbol.dispose](): void {
    this.#ignore();
    if (current === this) current = null;
  }

  /** See `killable`. */
  suspend<T>(work: () => T): T {
    if (this.mustCleanUp) return work();
    this.#ignore();
    try {
      return work();
    } finally {
      this.#listen();
    }
  }

  #listen(): void {
    for (const name of NAMES) process.on(name, this.#listener);
  }

  #ignore(): void {
    for (const name of NAMES) process.off(name, this.#listener);
  }

  readonly #listener = (signal: NodeJS.Signals): void => {
    const name = signal as Ending;
    if (this.#received !== null) {
      if (performance.now() - this.#receivedAt > TOGETHER_MS) process.exit(ENDINGS[name]);
      return;
    }
    this.#received = name;
    this.#receivedAt = performance.now();
    this.#controller.abort();
  };
}
