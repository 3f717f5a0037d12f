// Who uses a device as a whole, in this process: one who writes it, or several who read it. A device is known by the object that
// callers have; two that are open on one file are kept apart by its lock.
import { F2fsError } from '../errors.ts';
import type { BlockDevice } from './device.ts';

const uses = new WeakMap<BlockDevice, Set<DeviceUse>>();

/** The use that a mount makes of a device, until `end`. */
export class DeviceUse {
  readonly writes: boolean;
  /** Ends a use that a failure has stopped, when others want the device; whether it has. A use that goes on is kept. */
  yields: () => boolean = () => false;
  readonly #of: Set<DeviceUse>;

  constructor(of: Set<DeviceUse>, writes: boolean) {
    this.#of = of;
    this.writes = writes;
    of.add(this);
  }

  end(): void {
    this.#of.delete(this);
  }
}

/** Takes a device for a mount. Throws EBUSY while another writes it, and to write while others read it. */
export function useDevice(device: BlockDevice, writes: boolean): DeviceUse {
  const of = usesOf(device);
  assertFree(device, of, 'mount', writes);
  return new DeviceUse(of, writes);
}

/** Throws EBUSY while a device is mounted. `doing`: what would take it away from under the mount. */
export function assertUnused(device: BlockDevice, doing: string): void {
  assertFree(device, usesOf(device), doing, true);
}

function usesOf(device: BlockDevice): Set<DeviceUse> {
  let of = uses.get(device);
  if (of === undefined) {
    of = new Set();
    uses.set(device, of);
  }
  return of;
}

function assertFree({ name = 'device' }: BlockDevice, of: Iterable<DeviceUse>, doing: string, writes: boolean): void {
  for (const use of of) {
    if ((!writes && !use.writes) || use.yields()) continue;
    const how = use.writes ? 'writing' : 'reading';
    const message = `cannot ${doing} ${name}: it is mounted for ${how}; close or abandon that mount first`;
    throw new F2fsError('EBUSY', message, { path: name });
  }
}
