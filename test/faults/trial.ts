// One scenario with one fault, and what must hold afterwards: a typed error, nothing lost that was promised, a volume that
// mounts and adds up.

import { crc32 } from 'node:zlib';
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import type { Directory } from '../../src/fs/directory-handle.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { Handle } from '../../src/fs/handle.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { format } from '../../src/mkfs/format.ts';
import { type Call, type Fault, FaultyDevice } from './faulty-device.ts';

const MIB = 2 ** 20;
const TIMESTAMP = 1_700_000_000;

export interface Scenario {
  name: string;
  /** Of the volume; default 64. */
  mib?: number;
  features?: string[];
  options?: MountOptions;
  /** What is there before: it is unmounted afterwards, unless it ends with `fs.abandon()`. */
  prepare?: (fs: FileSystem) => void;
  /** What is done while the device may fail; `kept` is called after each call that promised that what was done is safe. */
  run: (fs: FileSystem, kept: () => void) => void;
  /** Files whose old contents are overwritten in place, which no promise covers until the next sync. */
  inPlace?: string[];
}

/** A volume's tree, by path: what must be found again. */
type Tree = Map<string, string>;

/** A tree that a crash at some moment would leave, and the promises that were made before. */
interface State {
  tree: Tree;
  promises: number;
}

/** A scenario made ready: its image, what it does to the device when nothing fails, and the trees on the way. */
export interface Prepared {
  scenario: Scenario;
  bytes: Uint8Array;
  calls: Record<Call, number>;
  /** First what was there before; then one after each flush, and each promise. */
  states: State[];
}

function optionsOf(scenario: Scenario): MountOptions {
  return { cacheBytes: 8 * MIB, now: () => ({ sec: TIMESTAMP, nsec: 0 }), ...scenario.options };
}

/** Everything in the volume. Throws an error that is no F2fsError when the blocks in use are not those of the tree. */
function treeOf(fs: FileSystem, exact: boolean): Tree {
  const tree: Tree = new Map();
  const inos = new Set<number>();
  let blocks = 0;
  const visit = (path: string, handle: Handle) => {
    const stat = handle.stat();
    if (!inos.has(stat.ino)) blocks += stat.blocks;
    inos.add(stat.ino);
    const xattrs = handle.xattrs().map(({ name, value }) => `${name}=${Buffer.from(value).toString('hex')}`);
    const { mode, uid, gid, size, nlink, mtime } = stat;
    const attributes = [mode.toString(8), uid, gid, stat.type === 'directory' ? '' : size, nlink, mtime.sec];
    tree.set(
      path,
      `${attributes.join(' ')} ${contentOf(fs, path, stat.type, handle, size)} ${xattrs.sort().join(' ')}`,
    );
    if (stat.type !== 'directory') return;
    for (const { name } of (handle as Directory).entries()) {
      using child = (handle as Directory).open(name);
      visit(`${path}/${Buffer.from(name).toString()}`, child);
    }
  };
  using root = fs.root();
  visit('', root);
  const { validBlockCount, validInodeCount } = fs.volume.space;
  if (exact && validBlockCount !== blocks)
    throw new Error(`${validBlockCount} blocks are in use, the tree has ${blocks}`);
  if (exact && validInodeCount !== inos.size)
    throw new Error(`${validInodeCount} inodes are in use, the tree has ${inos.size}`);
  return tree;
}

function contentOf(fs: FileSystem, path: string, type: string, handle: Handle, size: number): string {
  if (type === 'symlink') return Buffer.from(fs.readlink(path)).toString();
  if (type !== 'file') return type;
  const bytes = new Uint8Array(size);
  (handle as FileHandle).read(bytes, 0);
  return crc32(bytes).toString(16);
}

/** What a mount of the device finds: the fault is over. Leaves the device as that mount does. */
function found(device: MemoryDevice, scenario: Scenario): Tree {
  const fs = mount(device, { ...optionsOf(scenario), readonly: false });
  const tree = treeOf(fs, true);
  fs.close();
  return tree;
}

/** Makes the image, and runs the scenario once without a fault. */
export function prepare(scenario: Scenario): Prepared {
  const device = new MemoryDevice(((scenario.mib ?? 64) * MIB) / BLKSIZE);
  format(device, {
    uuid: 'b5b1a1f6-5d0e-4a43-9c0a-3c6cf2f52010',
    timestamp: TIMESTAMP,
    features: scenario.features ?? ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime'],
  });
  if (scenario.prepare !== undefined) {
    const fs = mount(device, optionsOf(scenario));
    scenario.prepare(fs);
    fs.close();
  }
  const bytes = new Uint8Array(device.nrBlocks * BLKSIZE);
  device.read(0, bytes);
  const states: State[] = [];
  const running = new FaultyDevice(bytes);
  let promises = 0;
  const note = () => states.push({ tree: found(running.afterCrash(), scenario), promises });
  const keep = () => {
    promises++;
    note();
  };
  note();
  running.onFlush = note;
  const fs = mount(running, optionsOf(scenario));
  scenario.run(fs, keep);
  fs.close();
  keep();
  return { scenario, bytes, calls: running.calls, states };
}

export interface TrialResult {
  /** What did not hold; empty when all is well. */
  problems: string[];
  /** The device as it is after the last mount. */
  device: FaultyDevice;
  outcome: 'unharmed' | 'failed' | 'stopped';
}

export function describeFault({ call, nth, manner, duration }: Fault): string {
  return `${call} ${nth} (${manner}, ${duration})`;
}

export function runTrial({ scenario, bytes, states }: Prepared, fault: Fault): TrialResult {
  const device = new FaultyDevice(bytes);
  device.fault = fault;
  const problems: string[] = [];
  let promises = 0;
  let fs: FileSystem | null = null;
  let failure: unknown = null;
  try {
    fs = mount(device, optionsOf(scenario));
    const keep = () => {
      promises++;
      if (device.failed) problems.push(...brokenPromise(device, scenario, states, promises));
    };
    scenario.run(fs, keep);
    fs.close();
    keep();
  } catch (error) {
    failure = error;
  }
  // What was promised last, or later, up to what the next promise would have been about: it may be there already.
  const next = states.findIndex((state) => state.promises > promises);
  let allowed = states
    .slice(
      states.findIndex((state) => state.promises === promises),
      next < 0 ? states.length : next + 1,
    )
    .map(({ tree }) => tree);
  if (failure !== null) problems.push(...typed(failure, device));
  const stopped = fs?.volume.stopped ?? false;
  if (failure !== null && fs !== null) {
    const later = afterFailure(fs, device, problems);
    if (later !== null) allowed = [later];
    fs.abandon();
  }
  device.fault = null;
  try {
    const tree = found(device, scenario);
    const lost = allowed.map((state) => difference(state, tree, scenario.inPlace ?? []));
    if (!lost.includes(null)) problems.push(`the next mount finds another tree: ${lost[0]}`);
  } catch (error) {
    problems.push(`the next mount fails: ${stackOf(error)}`);
  }
  return { problems, device, outcome: failure === null ? 'unharmed' : stopped ? 'stopped' : 'failed' };
}

/** A call came back as if all were well though the device had failed: a crash now must not lose anything. */
function brokenPromise(device: FaultyDevice, scenario: Scenario, states: State[], promises: number): string[] {
  const kept = states.find((state) => state.promises === promises) as State;
  const lost = difference(kept.tree, found(device.afterCrash(), scenario), scenario.inPlace ?? []);
  return lost === null ? [] : [`promise ${promises} does not outlive a crash: ${lost}`];
}

/** The message and where it comes from: the first lines. */
function stackOf(error: unknown): string {
  return ((error as Error).stack ?? String(error)).split('\n').slice(0, 6).join('\n');
}

/** Of the error that ended the scenario: it is ours, and says what the device said. */
function typed(failure: unknown, device: FaultyDevice): string[] {
  if (!(failure instanceof F2fsError)) return [`an exception that is no F2fsError: ${stackOf(failure)}`];
  if (!device.failed) return [`it fails though the device did not: ${stackOf(failure)}`];
  if (failure.code === device.code || failure.code === 'EROFS') return [];
  return [`the error has the code ${failure.code} instead of ${device.code}: ${stackOf(failure)}`];
}

/**
 * What may be done after a failure: a stopped volume takes no changes; another one can be synced, unless the device goes on
 * failing, and then all that was done is safe: returns that tree.
 */
function afterFailure(fs: FileSystem, device: FaultyDevice, problems: string[]): Tree | null {
  const { failedWrites } = device;
  const first = failedWrites[0];
  if (first !== undefined && first < fs.volume.layout.mainBlkaddr && !fs.volume.stopped)
    problems.push(`metadata at block ${first} could not be written, and the volume is not read-only`);
  try {
    if (fs.volume.stopped) {
      try {
        fs.mkdir('/after');
        problems.push('a stopped volume can be changed');
      } catch (error) {
        if ((error as F2fsError).code !== 'EROFS')
          problems.push(`a change of a stopped volume fails with ${stackOf(error)}`);
      }
      return null;
    }
    fs.sync();
    const { fault } = device;
    device.fault = null;
    const tree = treeOf(fs, false);
    device.fault = fault;
    return tree;
  } catch (error) {
    if (!(error instanceof F2fsError)) problems.push(`after the failure: ${stackOf(error)}`);
    return null;
  }
}

/** What is not as expected, or null. */
function difference(expected: Tree, tree: Tree, inPlace: readonly string[]): string | null {
  for (const [path, text] of expected) {
    const got = tree.get(path);
    if (got === undefined) return `${path} is missing`;
    if (got !== text && !inPlace.includes(path)) return `${path} is "${got}" instead of "${text}"`;
  }
  for (const path of tree.keys()) if (!expected.has(path)) return `${path} is there`;
  return null;
}
