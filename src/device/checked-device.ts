// A device that is not of this package, behind the promise that the rest relies on: what fails is an F2fsError.
import { types } from 'node:util';
import { invalid, isBoolean, isFunction, isText } from '../check.ts';
import { F2fsError, hostError } from '../errors.ts';
import type { Bio } from './bio.ts';
import type { BlockDevice, IoCounters } from './device.ts';
import { FileDevice } from './file-device.ts';
import { MemoryDevice } from './memory-device.ts';
import type { WriteQueue } from './write-queue.ts';

const METHODS = [
  'read',
  'write',
  'queue',
  'finishWrite',
  'flush',
  'zero',
  'discard',
  'resize',
  'close',
] as const satisfies readonly (keyof BlockDevice)[];

/** The one checked device of each. */
const checked = new WeakMap<BlockDevice, CheckedDevice>();

/**
 * The device to work on for one that a caller gave: itself where it is of this package. Throws EINVAL for what is no device. What
 * another one throws is given on as EIO, or with the errno that it carries, and as the cause.
 */
export function deviceOf(device: BlockDevice): BlockDevice {
  if (typeof device !== 'object' || device === null) throw invalid('device', device, 'one, as openFileDevice gives');
  const { constructor: maker } = device;
  if (maker === FileDevice || maker === MemoryDevice || maker === CheckedDevice) return device;
  let known = checked.get(device);
  if (known === undefined) {
    known = new CheckedDevice(device);
    checked.set(device, known);
  }
  return known;
}

class CheckedDevice implements BlockDevice {
  readonly #device: BlockDevice;

  constructor(device: BlockDevice) {
    for (const name of METHODS) isFunction(device[name], `device.${name}`);
    isText(device.name, 'device.name');
    isBoolean(device.readonly, 'device.readonly');
    if (typeof device.counters !== 'object' || device.counters === null)
      throw invalid('device.counters', device.counters, 'an IoCounters');
    this.#device = device;
    void this.nrBlocks;
  }

  get name(): string {
    return this.#device.name;
  }

  get nrBlocks(): number {
    const { nrBlocks } = this.#device;
    if (Number.isSafeInteger(nrBlocks) && nrBlocks >= 0) return nrBlocks;
    throw invalid('device.nrBlocks', nrBlocks, 'a whole number of blocks of 4096 bytes');
  }

  get readonly(): boolean {
    return this.#device.readonly;
  }

  get counters(): IoCounters {
    return this.#device.counters;
  }

  read(blkaddr: number, into: Uint8Array): void {
    this.#call(`read block ${blkaddr} of`, blkaddr, () => this.#device.read(blkaddr, into));
  }

  write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    this.#call(`write block ${blkaddr} of`, blkaddr, () => this.#device.write(blkaddr, vectors));
  }

  queue(memory: SharedArrayBuffer): WriteQueue | null {
    return this.#call('queue writes of', undefined, () => this.#device.queue(memory));
  }

  finishWrite(bio: Bio): void {
    this.#call(`write block ${bio.blkaddr} of`, bio.blkaddr, () => this.#device.finishWrite(bio));
  }

  flush(): void {
    this.#call('flush', undefined, () => this.#device.flush());
  }

  zero(blkaddr: number, nrBlocks: number): void {
    this.#call(`zero block ${blkaddr} of`, blkaddr, () => this.#device.zero(blkaddr, nrBlocks));
  }

  discard(blkaddr: number, nrBlocks: number): void {
    try {
      this.#device.discard(blkaddr, nrBlocks);
    } catch {
      // It is a hint, after which the blocks may read as anything: as they were, too.
    }
  }

  resize(nrBlocks: number): void {
    this.#call('resize', undefined, () => this.#device.resize(nrBlocks));
  }

  close(): void {
    this.#call('close', undefined, () => this.#device.close());
  }

  #call<T>(doing: string, blkaddr: number | undefined, call: () => T): T {
    let result: T;
    try {
      result = call();
    } catch (error) {
      throw hostError(`cannot ${doing} ${this.name}`, error, { path: this.name, blkaddr });
    }
    // What is done later is not done.
    if (!types.isPromise(result)) return result;
    result.catch(() => {});
    const message = `cannot ${doing} ${this.name}: the device returned a promise, but it is used synchronously`;
    throw new F2fsError('EIO', message, { path: this.name, blkaddr });
  }
}
