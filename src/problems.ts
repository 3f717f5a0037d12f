// What went wrong with single entries of something large. Of each kind the first are listed and the rest counted: neither lines nor
// memory grow with the entries. Relies on check.ts.
import { checkObject, isList } from './check.ts';

/** An entry, or an attribute of one, that could not be read, made or stored. */
export interface Problem {
  /** Where; bytes that are not UTF-8 as \xNN. */
  path: string;
  /** Errno name. */
  code: string;
  /** What is wrong, as a sentence without the path. */
  message: string;
  /** On the last of its kind that is listed: how many more there were. */
  more?: number;
}

/** Problems of a kind that are listed. */
const LISTED = 10;
/** Kinds that are told apart; what comes later is told apart by its code alone. */
const MAX_KINDS = 100;
/** Longest path that is told whole, in UTF-16 units: what the host takes in one call is. */
const MAX_PATH = 4095;

interface Kind {
  readonly listed: Problem[];
  count: number;
}

export class Problems {
  readonly #kinds = new Map<string, Kind>();
  #count = 0;

  /** All of them. */
  get count(): number {
    return this.#count;
  }

  /** Those that are listed, kind after kind in the order in which these turned up. */
  get list(): Problem[] {
    return [...this.#kinds.values()].flatMap(({ listed, count }) => {
      const more = count - listed.length;
      return more === 0 ? listed : listed.with(-1, { ...listed[listed.length - 1], more });
    });
  }

  /**
   * Adds one; `kind` is what it has in common with others of its code, and `tell` is called when it is to be listed. Returns it then,
   * else null.
   */
  add(code: string, kind: string, tell: () => { path: string; message: string }): Problem | null {
    const known = this.#kindOf(`${code} ${kind}`, code);
    this.#count++;
    known.count++;
    if (known.count > LISTED) return null;
    const { path, message } = tell();
    const problem = { path: shortPath(path), code, message };
    known.listed.push(problem);
    return problem;
  }

  #kindOf(key: string, code: string): Kind {
    const at = this.#kinds.has(key) || this.#kinds.size < MAX_KINDS ? key : code;
    let kind = this.#kinds.get(at);
    if (kind === undefined) this.#kinds.set(at, (kind = { listed: [], count: 0 }));
    return kind;
  }
}

const isProblems = isList(checkObject);

/** How many problems a list from `Problems` stands for. */
export function countProblems(problems: readonly Problem[]): number {
  isProblems(problems, 'problems');
  return problems.reduce((sum, { more = 0 }) => sum + 1 + more, 0);
}

/** What messages of one kind share: numbers, and names in quotes, are what they differ in. */
export function kindOfMessage(message: string): string {
  return message.replace(/"[^"]*"|'[^']*'|\d+/g, '#');
}

/** A path for people: of one that is too long for any call, its ends. */
export function shortPath(path: string): string {
  if (path.length <= MAX_PATH) return path;
  const part = 500;
  return `${path.slice(0, part)}[... ${path.length - 2 * part} more ...]${path.slice(-part)}`;
}
