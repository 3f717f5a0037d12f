// SIGINT and SIGTERM during work that cleans up after itself.
import { complain, EXIT } from './errors.ts';

/** The first signal aborts `signal`; a second one ends the process at once. */
export class Interruption {
  readonly #controller = new AbortController();
  #received: 'SIGINT' | 'SIGTERM' | null = null;

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
    if (this.#received !== null) process.exit(exitCodeOf(name));
    this.#received = name;
    this.#controller.abort();
  };
}

function exitCodeOf(name: 'SIGINT' | 'SIGTERM'): number {
  return name === 'SIGINT' ? EXIT.sigint : EXIT.sigterm;
}
