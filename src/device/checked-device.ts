// A device that is not of this package, behind the promise that the rest relies on: nothing is missing, and what fails is an
// F2fsError.
import { invalid, isBoolean, isFunction, isText } from '../check.ts';
import { F2fsError, hostError } from '../errors.ts';
import { isPromise } from '../platform/types.ts';
import { BLKSIZE, type BlockDevice, IoCounters } from './device.ts';
import { isOurs, keepsPromise, type QueuedDevice } from './queued-device.ts';
import { vectorBytes } from './range.ts';

const METHODS = ['read', 'write', 'flush', 'discard', 'close'] as const satisfies readonly (keyof BlockDevice)[];
const OPTIONAL_METHODS = ['zero', 'resize'] as const satisfies readonly (keyof BlockDevice)[];

/** What is written where a device has no way of its own to zero blocks. */
const ZEROS = new Uint8Array(256 * BLKSIZE);

/** The one checked device of each. */
const checked = new WeakMap<BlockDevice, CheckedDevice>();

/**
 * The device to work on for one that a caller gave: itself where it is of this package. Throws EINVAL for what is no device. What
 * another one throws is given on as EIO, or with the errno that it carries, and as the cause.
 */
export function deviceOf(device: BlockDevice): QueuedDevice {
  if (typeof device !== 'object' || device === null) throw invalid('device', device, 'one, as openFileDevice gives');
  if (isOurs(device)) return device;
  let known = checked.get(device);
  if (known === undefined) {
    known = new CheckedDevice(device);
    checked.set(device, known);
  }
  return known;
}

class CheckedDevice implements QueuedDevice {
  static {
    keepsPromise(CheckedDevice);
  }

  readonly blockSize = BLKSIZE;
  readonly #device: BlockDevice;
  readonly #own = new IoCounters();

  constructor(device: BlockDevice) {
    for (const name of METHODS) isFunction(device[name], `device.${name}`);
    for (const name of OPTIONAL_METHODS) if (device[name] !== undefined) isFunction(device[name], `device.${name}`);
    if (device.name !== undefined) isText(device.name, 'device.name');
    if (device.readonly !== undefined) isBoolean(device.readonly, 'device.readonly');
    const { counters } = device;
    if (counters !== undefined && (typeof counters !== 'object' || counters === null))
      throw invalid('device.counters', counters, 'an IoCounters');
    this.#device = device;
    void this.nrBlocks;
  }

  get name(): string {
    return this.#device.name ?? 'device';
  }

  get nrBlocks(): number {
    const { nrBlocks } = this.#device;
    if (Number.isSafeInteger(nrBlocks) && nrBlocks >= 0) return nrBlocks;
    throw invalid('device.nrBlocks', nrBlocks, `a whole number of blocks of ${BLKSIZE} bytes`);
  }

  get readonly(): boolean {
    return this.#device.readonly ?? false;
  }

  get counters(): IoCounters {
    return this.#device.counters ?? this.#own;
  }

  read(blkaddr: number, into: Uint8Array): void {
    const got = this.#call(`read block ${blkaddr} of`, blkaddr, () => this.#device.read(blkaddr, into));
    this.#assertAll('read', blkaddr, got, into.length);
    this.#own.reads++;
    this.#own.readBytes += into.length;
  }

  write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    const size = vectorBytes(vectors);
    const got = this.#call(`write block ${blkaddr} of`, blkaddr, () => this.#device.write(blkaddr, vectors));
    this.#assertAll('write', blkaddr, got, size);
    this.#own.writes++;
    this.#own.writeBytes += size;
  }

  queue(): null {
    return null;
  }

  finishWrite(): void {
    throw new F2fsError('EINVAL', `${this.name}: no write was queued: the device has no queue`, { path: this.name });
  }

  flush(): void {
    this.#call('flush', undefined, () => this.#device.flush());
    this.#own.flushes++;
  }

  zero(blkaddr: number, nrBlocks: number): void {
    if (this.#device.zero !== undefined) {
      this.#call(`zero block ${blkaddr} of`, blkaddr, () => this.#device.zero?.(blkaddr, nrBlocks));
      return;
    }
    for (let at = 0; at < nrBlocks; ) {
      const count = Math.min(nrBlocks - at, ZEROS.length / BLKSIZE);
      this.write(blkaddr + at, [ZEROS.subarray(0, count * BLKSIZE)]);
      at += count;
    }
  }

  discard(blkaddr: number, nrBlocks: number): void {
    try {
      this.#device.discard(blkaddr, nrBlocks);
    } catch {
      // It is a hint, after which the blocks may read as anything: as they were, too.
    }
  }

  resize(nrBlocks: number): void {
    if (this.#device.resize === undefined)
      throw new F2fsError('EOPNOTSUPP', `cannot resize ${this.name}: its size is fixed`, { path: this.name });
    this.#call('resize', undefined, () => this.#device.resize?.(nrBlocks));
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
    if (!isPromise(result)) return result;
    result.catch(() => {});
    const message = `cannot ${doing} ${this.name}: the device returned a promise, but it is used synchronously`;
    throw new F2fsError('EIO', message, { path: this.name, blkaddr });
  }

  #assertAll(doing: string, blkaddr: number, got: unknown, sizeBytes: number): void {
    if (typeof got !== 'number' || got === sizeBytes) return;
    const message = `cannot ${doing} block ${blkaddr} of ${this.name}: ${got} bytes of ${sizeBytes} came through`;
    throw new F2fsError('EIO', message, { path: this.name, blkaddr });
  }
}
