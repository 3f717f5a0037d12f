// One line on a terminal's stderr that is rewritten as work goes on.
import type { BuildProgress } from '../index.ts';
import { printable } from './names.ts';
import { counted, shortSize } from './sizes.ts';

const INTERVAL_MS = 100;
/** Work that is done sooner than this is announced by no line. */
const SOON_MS = 200;

/** The one whose line stands on the terminal. */
let current: Progress | null = null;

/** Takes the line away, whoever's it is: to be called before anything else is printed. */
export function clearProgress(): void {
  current?.[Symbol.dispose]();
}

/** Shows lines at most ten times a second, and nothing at all unless stderr is a terminal. */
export class Progress {
  readonly #shown: boolean;
  readonly #since = performance.now();
  #last = Number.NEGATIVE_INFINITY;
  /** Characters of the line that stands there. */
  #length = 0;

  constructor(quiet: boolean) {
    this.#shown = !quiet && process.stderr.isTTY === true && process.env.TERM !== 'dumb';
  }

  /** `text` is made only when it is shown. */
  show(text: () => string): void {
    if (!this.#shown) return;
    const now = performance.now();
    if (now - this.#last < INTERVAL_MS) return;
    this.#write(text(), now);
  }

  /** What may take long and tells nothing until it is done: shown at once, unless all of it has been quick so far. */
  announce(text: string): void {
    const now = performance.now();
    if (this.#shown && now - this.#since >= SOON_MS) this.#write(text, now);
  }

  /** How far a tree of the host has come into an image. */
  tree(at: BuildProgress): void {
    if (at.stage === 'finish') this.announce(treeText(at));
    else this.show(() => treeText(at));
  }

  /** Takes the line away. */
  [Symbol.dispose](): void {
    if (this.#length > 0) process.stderr.write(this.#erasure);
    this.#length = 0;
    if (current === this) current = null;
  }

  #write(text: string, now: number): void {
    this.#last = now;
    const line = clip(printable(text), (process.stderr.columns || 80) - 1);
    process.stderr.write(`${this.#erasure}${line}`);
    this.#length = line.length;
    current = this;
  }

  /** NO_COLOR may stand for a terminal that knows no escape sequences. */
  get #erasure(): string {
    return process.env.NO_COLOR ? `\r${' '.repeat(this.#length)}\r` : '\r\u001b[K';
  }
}

/** A wide character may be split by the terminal; a surrogate pair is not split here. */
function clip(text: string, columns: number): string {
  const characters = [...text];
  return characters.length <= columns ? text : `${characters.slice(0, Math.max(columns - 1, 0)).join('')}…`;
}

/** ` 45%`; 99% until all is done, as totals may be estimates. */
export function percentText(share: number): string {
  return `${Math.floor(Math.min(Math.max(share, 0) * 100, 99))
    .toString()
    .padStart(3)}%`;
}

function treeText(at: BuildProgress): string {
  const { stage, entries, totalEntries, bytes, totalBytes, path } = at;
  if (stage === 'scan') return `scanning: ${counted(totalEntries, 'entry', 'entries')}`;
  if (stage === 'finish') return `finishing: ${counted(entries, 'entry', 'entries')}  ${shortSize(bytes)}`;
  const percent = percentText(totalBytes > 0 ? bytes / totalBytes : entries / Math.max(totalEntries, 1));
  return `${percent}  ${entries}/${totalEntries} entries  ${shortSize(bytes)} of ${shortSize(totalBytes)}  ${path}`;
}
