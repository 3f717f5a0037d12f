// stdout: collected into large writes, with care for readers that are slow or gone. Lines, tables and JSON have no characters in them
// that a terminal would act on.
import { hostError } from '../errors.ts';
import { complain, EXIT } from './errors.ts';
import { jsonText, printable } from './names.ts';

const BUFFERED = 1 << 16;

/** What is true by now, whatever becomes of the report of it; null while nothing is. */
let done: string | null = null;

/** To be called before a command reports what it has made: should the report fail, that is still said. */
export function isDone(what: string): void {
  done = what;
}

/** To be called once, at the start. A reader that went away (head, less) ends the command without a word. */
export function watchStreams(command: () => string | null): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.sigpipe);
    const made = done === null ? '' : `; ${done}: only the report of it is missing`;
    const { message, code } = hostError('cannot write to standard output', error);
    complain(command(), `${message} (${code})${made}`);
    process.exit(EXIT.failed);
  });
  process.stderr.on('error', () => {});
}

/** Writes all of `chunk`, which may be used again afterwards. */
export function writeOut(chunk: Uint8Array | string): Promise<void> {
  return new Promise((resolve) => {
    // A failure ends the process in the stream's error event.
    process.stdout.write(chunk, (error) => error ?? resolve());
  });
}

/** Lines on their way to stdout. `await` each call: it waits when enough has come together. */
export class Lines {
  #lines: string[] = [];
  #length = 0;

  line(text: string): Promise<void> | undefined {
    return this.#add(printable(text));
  }

  /** A value as JSON, on one line; `before` stands in front of it. */
  json(value: unknown, before = ''): Promise<void> | undefined {
    return this.#add(before + jsonText(value));
  }

  #add(text: string): Promise<void> | undefined {
    this.#lines.push(text);
    this.#length += text.length + 1;
    return this.#length < BUFFERED ? undefined : this.flush();
  }

  flush(): Promise<void> | undefined {
    if (this.#lines.length === 0) return undefined;
    const text = `${this.#lines.join('\n')}\n`;
    this.#lines = [];
    this.#length = 0;
    return writeOut(text);
  }
}

/** Prints one JSON document. */
export function printJson(value: unknown): Promise<void> {
  return writeOut(`${jsonText(value, 2)}\n`);
}

/** Prints names and values in two columns; a null value is left out. */
export function printTable(rows: readonly (readonly [string, string | null])[]): Promise<void> {
  const shown = rows.filter(([, value]) => value !== null);
  const width = Math.max(...shown.map(([name]) => name.length));
  return writeOut(shown.map(([name, value]) => `${printable(`${name.padEnd(width)}  ${value}`)}\n`).join(''));
}
