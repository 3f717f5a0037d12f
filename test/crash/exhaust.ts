// Runs a workload, makes crash states of its log, and mounts each as a user would after the crash.

import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BLKSIZE } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { readCheckpoint } from '../../src/volume/checkpoint-pack.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { quotaComplaints } from '../fs/quota-usage.ts';
import { CowDevice, type Disk, RecordingDevice } from './disk.ts';
import { Oracle } from './oracle.ts';
import { content, mountOptions, type Recording } from './session.ts';
import { type CrashState, CrashStates, type StateKind } from './states.ts';
import { censusFaults, censusTree, readTree, type Tree, treeDifferences, withoutDirectoryTimes } from './tree.ts';

/** What was done. */
export interface Counts {
  states: number;
  byKind: Record<StateKind, number>;
  /** States of disks that a recovery was cut off on. */
  secondCrashes: number;
  /** States that were written to after recovery, fsynced there, and cut off again. */
  continued: number;
  /** Disks that went through fsck.f2fs: as the crash left them, and as recovery did. */
  fsckRaw: number;
  fsckRecovered: number;
}

/** After so many bad states a workload is given up. */
const MAX_FAILURES = 5;
/** One of so many states: the recovery is cut off too; the volume is used on and cut off again. */
const SECOND_CRASH = 16;
const CONTINUED = 4;
/** Cuts of one recovery. */
const SECOND_CUTS = 6;
const HALF_CHECKPOINT = /^Invalid CP CRC/;
const AFTERMATH = 'written after the crash';

export class Exhaustion {
  readonly recording: Recording;
  readonly states: CrashStates;
  readonly oracle: Oracle;
  readonly #seed: number;
  readonly counts: Counts = {
    states: 0,
    byKind: { prefix: 0, subset: 0, reordered: 0, torn: 0 },
    secondCrashes: 0,
    continued: 0,
    fsckRaw: 0,
    fsckRecovered: 0,
  };
  readonly failures: string[] = [];
  #waiting: Generator<CrashState> | null = null;

  constructor(recording: Recording, seed: number) {
    this.recording = recording;
    this.#seed = seed;
    this.states = new CrashStates(this.recording.base, this.recording.events, seed);
    this.oracle = new Oracle(this.recording);
  }

  /** States of different disks, until chance finds no more. */
  *#distinct(count: number): Generator<CrashState> {
    const seen = new Set<string>();
    let misses = 0;
    for (const number of this.states.numbers(count)) {
      const state = this.states.state(number);
      // Of equal disks the one with more promises made counts too.
      const key = `${state.key} ${this.oracle.nrDone(state.cut)}`;
      if (!seen.has(key)) {
        misses = 0;
        seen.add(key);
        yield state;
      } else if (++misses === 2000) return;
    }
  }

  /** Distinct states, about half of `count` of them prefixes of the log; goes on where the call before ended. */
  next(count: number): CrashState | null {
    this.#waiting ??= this.#distinct(count);
    const { done, value } = this.#waiting.next();
    return done === true ? null : value;
  }

  /**
   * Looks at up to `count` more states, the share `fsckShare` of them through fsck.f2fs too; at few when too many were bad.
   * Returns how many there were.
   */
  async run(count: number, fsckShare: number): Promise<number> {
    using images = new ScratchImage(this.recording.base);
    for (let i = 0; i < count; i++) {
      const state = this.failures.length < MAX_FAILURES ? this.next(count) : null;
      if (state === null) return i;
      const disk = this.#attempt(state);
      const { states, fsckRaw, fsckRecovered } = this.counts;
      if (disk === null || fsckRaw + fsckRecovered >= states * fsckShare) continue;
      // fsck.f2fs follows the chain of fsynced nodes too, and looks at no checksum of it.
      const raw = state.torn.size === 0 && fsckRaw < fsckRecovered;
      this.counts[raw ? 'fsckRaw' : 'fsckRecovered']++;
      const judged = await images.judge(raw ? new CowDevice(this.recording.base, state.blocks) : disk);
      // A checkpoint that was being written is to be passed over, and fsck.f2fs says so.
      const complaints = judged.complaints.filter((line) => !raw || !HALF_CHECKPOINT.test(line));
      const when = raw ? 'as the crash left it' : 'after recovery';
      if (complaints.length > 0) this.#fail(state, `fsck.f2fs ${when}: ${complaints.slice(0, 5).join('; ')}`);
    }
    return count;
  }

  /** Looks at one state; null when it is bad, else the disk as recovery and unmounting left it. */
  #attempt(state: CrashState): CowDevice | null {
    this.counts.states++;
    this.counts.byKind[state.kind]++;
    try {
      return this.look(state);
    } catch (error) {
      this.#fail(
        state,
        error instanceof F2fsError ? `${error.code}: ${error.stack}` : String((error as Error).message),
      );
      return null;
    }
  }

  #fail(state: CrashState, why: string): void {
    const { name } = this.recording.workload;
    const { number, kind, cut } = state;
    this.failures.push(
      `${name}, state ${number} (${kind}, cut after ${cut} of ${this.recording.events.length} events, at "${this.oracle.stepAt(cut)?.what}"): ${why}\n  again: F2FS_CRASH_REPLAY='${name}:${this.#seed}:${number}'`,
    );
  }

  /** Mounts a state, judges what it holds, unmounts; again. Throws what is wrong; returns the disk after that. */
  look(state: CrashState): CowDevice {
    const raw = new CowDevice(this.recording.base, state.blocks);
    const version = readCheckpoint(raw, this.oracle.layout).cp.checkpointVer;
    const disk = new RecordingDevice(this.recording.base, state.blocks);
    const fs = this.#mount(disk);
    const found = readTree(fs);
    const complaints = this.oracle.judge(found, state, version);
    if (complaints.length > 0) throw new Error(complaints.slice(0, 6).join('; '));
    const recovered = disk.events.length;
    let wanted = found;
    if (state.number % CONTINUED === 1) wanted = this.#useOn(fs, disk, found);
    else fs.close();
    this.#expectTree(disk, wanted, 'after the next mount');
    if (state.number % SECOND_CRASH === 0) this.#crashAgain(state, disk, recovered, found);
    return disk;
  }

  #mount(disk: CowDevice): FileSystem {
    return mount(disk, mountOptions(this.recording.workload));
  }

  /**
   * Writes and fsyncs a file on a recovered volume, lets go of it as it is, and mounts and unmounts it again. Returns what it
   * holds then; throws unless that is what it held before, and the file.
   */
  #useOn(fs: FileSystem, disk: CowDevice, found: Tree): Tree {
    this.counts.continued++;
    try {
      fs.writeFile(AFTERMATH, content(3000, 77));
      fs.fsync(AFTERMATH);
      fs.writeFile(AFTERMATH, content(5000, 78));
      fs.fsync(AFTERMATH);
    } catch (error) {
      if (!(error instanceof F2fsError) || error.code !== 'ENOSPC') throw error;
      fs.sync();
    }
    const wanted = withoutDirectoryTimes(readTree(fs));
    const names = new Map(wanted.names);
    names.delete(AFTERMATH);
    const changed = treeDifferences(withoutDirectoryTimes(found), { names, inodes: wanted.inodes });
    if (changed.length > 0) throw new Error(`writing after the crash changed what was there: ${changed.join('; ')}`);
    fs.abandon();
    const again = this.#mount(disk);
    const tree = readTree(again);
    const lost = treeDifferences(wanted, withoutDirectoryTimes(tree));
    if (lost.length > 0) throw new Error(`after the crash, an fsync and a second crash: ${lost.join('; ')}`);
    again.close();
    return tree;
  }

  /** Mounts read-only; throws unless `wanted` is found and its accounts are right. */
  #expectTree(disk: Disk & CowDevice, wanted: Tree, when: string): void {
    const fs = mount(disk, { ...mountOptions(this.recording.workload), readonly: true });
    const again = readTree(fs);
    const differences = treeDifferences(wanted, again);
    if (differences.length > 0) throw new Error(`${when}: ${differences.join('; ')}`);
    const complaints = censusFaults(fs, censusTree(again));
    if (fs.volume.hasFeature('quota')) complaints.push(...quotaComplaints(fs));
    if (complaints.length > 0) throw new Error(`${when}: ${complaints.slice(0, 6).join('; ')}`);
    fs.close();
  }

  /** Cuts off the recovery of a state, at moments within its writes, and recovers again: to the same. */
  #crashAgain(state: CrashState, disk: RecordingDevice, recovered: number, found: Tree): void {
    const events = disk.events.slice(0, recovered);
    if (events.length === 0) return;
    const under = new CowDevice(this.recording.base, state.blocks);
    const states = new CrashStates(under, events, state.number);
    const seen = new Set<string>();
    for (const number of states.numbers(SECOND_CUTS)) {
      const second = states.state(number);
      if (number >= states.firstRandom + SECOND_CUTS || seen.size === SECOND_CUTS) break;
      if (seen.has(second.key)) continue;
      seen.add(second.key);
      this.counts.secondCrashes++;
      const again = new CowDevice(under, second.blocks);
      try {
        const fs = this.#mount(again);
        const differences = treeDifferences(withoutDirectoryTimes(found), withoutDirectoryTimes(readTree(fs)));
        if (differences.length > 0) throw new Error(differences.join('; '));
        const wanted = readTree(fs);
        fs.close();
        this.#expectTree(again, wanted, 'after the next mount');
      } catch (error) {
        const where = `after a second crash, at event ${second.cut} of ${events.length} of recovery (state ${number})`;
        throw new Error(`${where}: ${error instanceof F2fsError ? error.stack : (error as Error).message}`);
      }
    }
  }
}

/** An image file that holds one crashed disk after the other: only the blocks that differ are written. */
class ScratchImage {
  readonly #base: Disk;
  readonly #folder = mkdtempSync(join(process.env['F2FS_CRASH_TMP'] ?? tmpdir(), 'f2fs-crash-'));
  readonly path = join(this.#folder, 'crashed.img');
  readonly #fd = openSync(this.path, 'w+');

  constructor(base: Disk) {
    this.#base = base;
    ftruncateSync(this.#fd, base.nrBlocks * BLKSIZE);
    this.#writeAll(base);
  }

  async judge(disk: CowDevice) {
    const changed = disk.changed();
    for (const blkaddr of changed) this.#copy(disk, blkaddr);
    const result = await fsck(this.path);
    for (const blkaddr of changed) this.#copy(this.#base, blkaddr);
    return result;
  }

  #copy(disk: Disk, blkaddr: number): void {
    const bytes = new Uint8Array(BLKSIZE);
    disk.read(blkaddr, bytes);
    writeSync(this.#fd, bytes, 0, BLKSIZE, blkaddr * BLKSIZE);
  }

  #writeAll(disk: Disk): void {
    writeImage(this.#fd, disk);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Writes a disk to a file, leaving holes for its zeros. */
export function writeImage(fd: number, disk: Disk): void {
  const CHUNK = 256;
  const bytes = Buffer.alloc(CHUNK * BLKSIZE);
  const zeros = Buffer.alloc(BLKSIZE);
  for (let blkaddr = 0; blkaddr < disk.nrBlocks; blkaddr += CHUNK) {
    const count = Math.min(CHUNK, disk.nrBlocks - blkaddr);
    const part = bytes.subarray(0, count * BLKSIZE);
    disk.read(blkaddr, part);
    for (let i = 0; i < count; i++) {
      const block = part.subarray(i * BLKSIZE, (i + 1) * BLKSIZE);
      if (!block.equals(zeros)) writeSync(fd, block, 0, BLKSIZE, (blkaddr + i) * BLKSIZE);
    }
  }
}
