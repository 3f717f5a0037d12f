// The file that an archive is written to. It gets its name when it is whole: what fails before leaves what had that name as it was.
import * as fs from 'node:fs';
import * as nodePath from 'node:path';
import { followed } from '../device/host-target.ts';
import { tryLock } from '../device/lock.ts';
import { flushDirectory, givePartItsName, partPath } from '../device/new-image.ts';
import { F2fsError, hostError } from '../errors.ts';

export class TarFile {
  readonly #file: string;
  /** Symlinks followed. */
  readonly #path: string;
  /** Its name until it is whole; null: it is written to what is there, such as a fifo. */
  readonly #part: string | null;
  readonly #replace: boolean;
  #fd = -1;

  /** `force`: what is there is replaced, and leaves it its mode, owner and attributes. Throws EEXIST without, and what the host says. */
  constructor(file: string, force: boolean) {
    this.#file = file;
    this.#replace = force;
    try {
      if (!force && fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined)
        throw new F2fsError('EEXIST', `${file} exists already; force: true replaces it`, { path: file });
      this.#path = followed(file);
      const there = fs.statSync(this.#path, { throwIfNoEntry: false });
      this.#part = there === undefined || there.isFile() ? partPath(this.#path) : null;
      if (this.#part === null) this.#fd = fs.openSync(this.#path, 'w');
      else {
        fs.rmSync(this.#part, { force: true });
        // Nobody else may open it before it has the mode of what it replaces.
        this.#fd = fs.openSync(this.#part, 'wx', there === undefined ? 0o666 : 0o600);
        // A build beside it must not take it for one that was left.
        tryLock(this.#fd);
        process.on('exit', this.#removePart);
      }
    } catch (error) {
      throw this.#error(error);
    }
  }

  write(chunk: Uint8Array): void {
    try {
      for (let done = 0; done < chunk.length; ) done += fs.writeSync(this.#fd, chunk, done);
    } catch (error) {
      throw this.#error(error);
    }
  }

  /** Gives it its name. Throws EEXIST without `force` for what came there meanwhile, and what the host says. */
  publish(): void {
    try {
      // What it replaces must not be lost before it is there.
      if (this.#part !== null && this.#replace) fs.fsyncSync(this.#fd);
      this.#close();
      if (this.#part === null) return;
      givePartItsName(this.#part, this.#path, this.#replace);
      if (this.#replace) flushDirectory(nodePath.dirname(this.#path));
    } catch (error) {
      throw this.#error(error);
    }
    process.off('exit', this.#removePart);
  }

  /** Gives it up. */
  discard(): void {
    try {
      this.#close();
      this.#removePart();
    } catch {
      // The failure that led here says more.
    }
    process.off('exit', this.#removePart);
  }

  #close(): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) fs.closeSync(fd);
  }

  #error(error: unknown): F2fsError {
    return hostError(`cannot write ${this.#file}`, error, { path: this.#file });
  }

  readonly #removePart = (): void => {
    if (this.#part !== null) fs.rmSync(this.#part, { force: true });
  };
}
