// Where an entry stands: its path is made when it is wanted, which for most entries of a tree it is not.
import { joinPath } from '../index.ts';

/** What has a path in the volume: a step of a walk, too. */
export interface Place {
  readonly path: Uint8Array;
}

/** Of a directory whose entries are looked at: its path is made once. */
export class DirectoryPlace implements Place {
  readonly #directory: Place;
  #path: Uint8Array | null = null;

  constructor(directory: Place) {
    this.#directory = directory;
  }

  get path(): Uint8Array {
    return (this.#path ??= this.#directory.path);
  }
}

/** Of a name in a directory. */
export class EntryPlace implements Place {
  readonly #directory: Place;
  readonly #name: Uint8Array;

  constructor(directory: Place, name: Uint8Array) {
    this.#directory = directory;
    this.#name = name;
  }

  get path(): Uint8Array {
    return joinPath(this.#directory.path, this.#name);
  }
}
