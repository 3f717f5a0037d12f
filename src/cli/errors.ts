// What goes wrong, on stderr: one line for each failure, and the exit code that says what kind it was.
import { F2fsError, hostError } from '../errors.ts';
import type { Problem } from '../problems.ts';
import { inCommandWords } from './command-words.ts';
import { printable } from './names.ts';
import { clearProgress } from './progress.ts';
import { UsageError } from './usage-error.ts';

export { UsageError };

/** Exit codes, as the help of the command lists them; 128 + n is what signal n ends a command with. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  bug: 70,
  sighup: 129,
  sigint: 130,
  sigpipe: 141,
  sigterm: 143,
} as const;
/** Checks what was asked for: what that throws is told as wrong usage. */
export function asUsage<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof F2fsError ? new UsageError(error.message) : error;
  }
}

/** What the argument parser says, as everything else is said: `invalid --size '2GB': expected ...`. */
export function usageText(message: string): string {
  const text = message.replace(/^error: /, '').replaceAll('\n', ' ');
  const option = /^option '(?:-\w, )?(-{1,2}[\w-]+)[^']*' argument '(.*)' is invalid\. (.*?)\.?$/.exec(text);
  if (option !== null) return invalidText(option[1], option[2], option[3]);
  const argument = /^command-argument value '(.*)' is invalid for argument '(.*)'\. (.*?)\.?$/.exec(text);
  return argument === null ? text : invalidText(argument[2], argument[1], argument[3]);
}

function invalidText(what: string, value: string, rule: string): string {
  const expected = rule.replace(/^Expected /, '').replace(/^Allowed choices are /, '');
  return `invalid ${what} '${value}': expected ${expected}`;
}

/**
 * Runs what is done for one of several paths, after `nrBefore` others: where space is missing it says that these count, though they
 * are not to stay.
 */
export function afterOthers<T>(nrBefore: number, work: () => T): T {
  const say = (error: unknown) => {
    if (nrBefore === 0 || !(error instanceof F2fsError) || error.code !== 'ENOSPC') return error;
    const { message, path, ino } = error;
    return new F2fsError('ENOSPC', `${message}, beside what comes before it`, { path, ino, cause: error });
  };
  try {
    const result = work();
    if (!(result instanceof Promise)) return result;
    return result.catch((error) => {
      throw say(error);
    }) as T;
  } catch (error) {
    throw say(error);
  }
}

interface Described {
  code: string;
  message: string;
  path?: string;
}

/** What is wrong with a volume that could be mounted, each once. */
export class Warnings {
  readonly #command: string;
  readonly #image: string;
  readonly #told = new Set<string>();

  constructor(command: string, image: string) {
    this.#command = command;
    this.#image = image;
  }

  /** Prints those that were not printed before. */
  tell(warnings: readonly F2fsError[]): void {
    for (const { message } of warnings) {
      if (this.#told.has(message)) continue;
      this.#told.add(message);
      complain(this.#command, `warning: ${this.#image}: ${message}`);
    }
  }
}

/** Prints `text` as one line of stderr, in the command's words, nothing in it left to the terminal's interpretation. */
export function complain(command: string | null, text: string): void {
  clearProgress();
  process.stderr.write(`f2fs: ${command === null ? '' : `${command}: `}${printable(inCommandWords(text))}\n`);
}

/** Prints what failed in `command` and returns the exit code. `place`: the path concerned, where the error has none. */
export function report(command: string, error: unknown, place?: string): number {
  const debug = process.env.F2FS_DEBUG === '1';
  if (debug && error instanceof Error) process.stderr.write(`${error.stack?.split('\n').map(printable).join('\n')}\n`);
  if (error instanceof UsageError) {
    complain(command, `${error.message} (see f2fs ${command} --help)`);
    return EXIT.usage;
  }
  const described = describe(error);
  if (described !== null) {
    complain(command, line(described, place));
    return EXIT.failed;
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  complain(
    command,
    `unexpected failure, please report it: ${message}${debug ? '' : ' (F2FS_DEBUG=1 shows the stack)'}`,
  );
  return EXIT.bug;
}

/** Prints problems with single entries, and after those of a kind how many more there were. */
export function complainOf(command: string, problems: readonly Problem[]): void {
  for (const problem of problems) {
    complain(command, problemText(problem));
    if (problem.more !== undefined) complain(command, moreText(problem.more));
  }
}

/** A problem with one entry: its path, unless the message begins with it, and the code. */
function problemText({ path, code, message }: Problem): string {
  const text = message.startsWith(path) ? message : `${path}: ${message}`;
  return text.endsWith(`(${code})`) ? text : `${text} (${code})`;
}

/** What stands for problems of a kind that are not listed. */
export function moreText(count: number, like = 'it'): string {
  return `... and ${count.toLocaleString('en')} more like ${like}`;
}

/** Code and message of a failure that is expected to happen; null for a bug. */
function describe(error: unknown): Described | null {
  if (error instanceof F2fsError) return error;
  const host = error as NodeJS.ErrnoException | undefined;
  if (error instanceof Error && host?.syscall !== undefined && host.code !== undefined) {
    const { code, message } = hostError('', error);
    return { code, message: message.replace(/^: /, ''), path: host.path };
  }
  return null;
}

function line({ code, message, path }: Described, place: string | undefined): string {
  const prefixes = new Set([place, path].filter((one) => one !== undefined && one !== '' && !mentions(message, one)));
  const coded = message.endsWith(`(${code})`) ? message : `${message} (${code})`;
  return [...prefixes, coded].join(': ');
}

/** Whether a message has this path, which is not empty, in it, as a word of its own. */
function mentions(message: string, path: string): boolean {
  for (let at = message.indexOf(path); at >= 0; at = message.indexOf(path, at + 1)) {
    const before = message[at - 1] ?? ' ';
    const after = message[at + path.length] ?? ' ';
    if (/[\s'"(]/.test(before) && /[\s'":;,.)]/.test(after)) return true;
  }
  return false;
}
