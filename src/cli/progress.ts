// One line on a terminal's stderr that is rewritten as work goes on.
import { printable } from './names.ts';

const INTERVAL_MS = 100;
const ERASE_LINE = '\r\u001b[K';

/** Shows lines at most ten times a second, and nothing at all unless stderr is a terminal. */
export class Progress {
  readonly #shown: boolean;
  #last = Number.NEGATIVE_INFINITY;
  #dirty = false;

  constructor(quiet: boolean) {
    this.#shown = !quiet && process.stderr.isTTY === true && process.env.TERM !== 'dumb';
  }

  /** `text` is made only when it is shown. */
  show(text: () => string): void {
    if (!this.#shown) return;
    const now = performance.now();
    if (now - this.#last < INTERVAL_MS) return;
    this.#last = now;
    this.#dirty = true;
    const columns = process.stderr.columns || 80;
    process.stderr.write(`${ERASE_LINE}${clip(printable(text()), columns - 1)}`);
  }

  /** Takes the line away. */
  [Symbol.dispose](): void {
    if (this.#dirty) process.stderr.write(ERASE_LINE);
    this.#dirty = false;
  }
}

/** A wide character may be split by the terminal; a surrogate pair is not split here. */
function clip(text: string, columns: number): string {
  const characters = [...text];
  return characters.length <= columns ? text : `${characters.slice(0, Math.max(columns - 1, 0)).join('')}…`;
}
