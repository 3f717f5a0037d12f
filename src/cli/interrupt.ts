// SIGINT and SIGTERM during work that cleans up after itself.
import { complain, EXIT } from './errors.ts';

/** Milliseconds within which signals count as one. */
const TOGETHER_MS = 1000;

/**
 * The first signal aborts `signal`; a later one ends the process at once. One that comes together with the first is the
 * same wish told twice: a terminal signals the whole group, and a parent such as npm or timeout passes it on.
 */
export class Interruption {
  readonly #controller = new AbortController();
  #received: 'SIGINT' | 'SIGTERM' | null = null;
  #receivedAt = 0;

  constructor() {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Tells that `command` ended by a signal; null when none came. */
  exitCode(command: string, consequence: string): number | null {
    if (this.#received === null) return null;
    complain(command, `ended by ${this.#received}; ${consequence}`);
    return exitCodeOf(this.#received);
  }

  [Symbol.dispose](): void {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, this.#listener);
  }

  readonly #listener = (name: NodeJS.Signals): void => {
    if (name !== 'SIGINT' && name !== 'SIGTERM') return;
    if (this.#received !== null) {
      if (performance.now() - this.#receivedAt > TOGETHER_MS) process.exit(exitCodeOf(name));
      return;
    }
    this.#received = name;
    this.#receivedAt = performance.now();
    this.#controller.abort();
  };
}

function exitCodeOf(name: 'SIGINT' | 'SIGTERM'): number {
  return name === 'SIGINT' ? EXIT.sigint : EXIT.sigterm;
}
