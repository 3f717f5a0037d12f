// What entries lost that were extracted, told once for all that it befell: onto the host, or into an archive.
import type { FileStat } from '../fs/stat.ts';
import { shortPath } from '../problems.ts';
import type { ExtractNote } from './report.ts';

/** Notes that are told apart: names of attributes, which are in them, may be as many as one likes. */
const MAX_NOTES = 100;

/** An entry; its path is made when it is told. */
export interface NotedPlace {
  readonly path: string;
}

export class Notes {
  readonly #notes = new Map<string, ExtractNote>();

  get list(): ExtractNote[] {
    return [...this.#notes.values()];
  }

  add(message: string, place: NotedPlace): void {
    const isTold = this.#notes.has(message) || this.#notes.size < MAX_NOTES;
    const told = isTold ? message : 'more is not restored';
    const known = this.#notes.get(told);
    if (known) known.count++;
    else this.#notes.set(told, { message: told, count: 1, path: shortPath(place.path) });
  }
}

/** What neither a directory of the host nor an archive can be given: the messages of its notes. */
export function lostAnywhere({ flags, verity }: FileStat): string[] {
  const lost: string[] = [];
  if (flags.includes('casefold')) lost.push('that a directory folds case is not restored');
  if (verity) lost.push('that a file is under verity is not restored');
  return lost;
}
