// What a volume may hold after a crash: what F2FS promises, told by the log of a workload.
import { BLKSIZE } from '../../src/device/device.ts';
import { Checkpoint } from '../../src/format/checkpoint.ts';
import { BLKS_PER_SEG } from '../../src/format/constants.ts';
import { viewOf } from '../../src/format/struct.ts';
import { readCheckpoint } from '../../src/volume/checkpoint-pack.ts';
import type { VolumeLayout } from '../../src/volume/layout.ts';
import { readSuperblocks } from '../../src/volume/superblocks.ts';
import { CowDevice, SECTOR } from './disk.ts';
import type { Recording, Step } from './session.ts';
import type { CrashState } from './states.ts';
import { ATTRIBUTES, type Entity, parentOf, type Tree } from './tree.ts';

/** A checkpoint that the log holds. */
interface LoggedCheckpoint {
  readonly version: number;
  /** Index of the event that wrote its last block, and the count of events after the flush that made it last. */
  readonly written: number;
  readonly durable: number;
  /** The step that wrote it; -1 for the one that the workload began with. */
  readonly step: number;
}

/** A file that a step may have left half done: as it was, as it was to be, in any mixture. */
interface Loose {
  readonly ino: number;
  readonly path: string;
  readonly before: Entity | undefined;
  readonly after: Entity | undefined;
  /** Whether its new pages may hold anything: their node was written before them. */
  readonly anything: boolean;
}

/** What a crash state is expected to hold. */
interface Expectation {
  readonly names: Map<string, number>;
  readonly inodes: Map<number, Entity>;
  readonly loose: readonly Loose[];
  /** Files that fdatasync kept: their times need not be. */
  readonly timeless: ReadonlySet<number>;
  /** Whether files were rolled forward, which stamps their directories. */
  readonly rolledForward: boolean;
}

const ZEROS = Buffer.alloc(BLKSIZE);

export class Oracle {
  readonly #recording: Recording;
  readonly layout: VolumeLayout;
  readonly #checkpoints: LoggedCheckpoint[] = [];

  constructor(recording: Recording) {
    this.#recording = recording;
    const base = new CowDevice(recording.base);
    this.layout = readSuperblocks(base).layout;
    const version = readCheckpoint(base, this.layout).cp.checkpointVer;
    this.#checkpoints.push({ version, written: -1, durable: 0, step: -1 });
    this.#findCheckpoints();
  }

  /** Steps that were done before the crash. */
  nrDone(cut: number): number {
    const { steps } = this.#recording;
    let low = 0;
    let high = steps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (steps[middle].end <= cut) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The step under way at the crash, or the last one done. */
  stepAt(cut: number): Step | undefined {
    const { steps } = this.#recording;
    return steps[this.nrDone(cut)] ?? steps[steps.length - 1];
  }

  /**
   * What is wrong with a volume that was mounted from `state`, whose checkpoint was `version`; nothing when all is well. A directory's
   * mtime may be left out ('').
   */
  judge(found: Tree, state: CrashState, version: number): string[] {
    const checkpoint = this.#checkpoints.find((it) => it.version === version);
    if (checkpoint === undefined) return [`checkpoint ${version} was never written`];
    const newest = this.#checkpoints.findLast((it) => it.durable <= state.flushed) as LoggedCheckpoint;
    if (version < newest.version) return [`checkpoint ${version} is found, though ${newest.version} was flushed`];
    if (checkpoint.written >= state.cut) return [`checkpoint ${version} is found before it was written`];
    const promised = this.#lastSync(state.cut);
    let best: string[] | null = null;
    // A checkpoint within a step holds what was there before it, or after it.
    for (let base = checkpoint.step - 1; base <= checkpoint.step; base++) {
      if (base < -1 || (base < promised && checkpoint.step !== promised)) continue;
      const complaints = this.#compare(found, this.#expect(base, checkpoint, state), state, base);
      if (complaints.length === 0) return [];
      if (best === null || complaints.length < best.length) best = complaints;
    }
    return best ?? [`checkpoint ${version} is older than the sync of step ${promised}`];
  }

  /** Index of the last sync that was done; -1: none. */
  #lastSync(cut: number): number {
    const { steps } = this.#recording;
    let last = this.nrDone(cut) - 1;
    while (last >= 0 && steps[last].kind !== 'sync') last--;
    return last;
  }

  #tree(step: number): Tree {
    return step < 0 ? this.#recording.before : this.#recording.steps[step].tree;
  }

  #findCheckpoints(): void {
    const { events, steps } = this.#recording;
    const { cpBlkaddr, cpPayload } = this.layout;
    let step = 0;
    const waiting: Omit<LoggedCheckpoint, 'durable'>[] = [];
    const heads = new Map<number, { version: number; total: number }>();
    events.forEach((event, i) => {
      while (step < steps.length && steps[step].end <= i) step++;
      if (event.kind === 'flush') {
        for (const it of waiting.splice(0)) this.#checkpoints.push({ ...it, durable: i + 1 });
      }
      if (event.kind !== 'write') return;
      const pack = Math.floor((event.blkaddr - cpBlkaddr) / BLKS_PER_SEG);
      if (pack < 0 || pack > 1) return;
      const blkoff = event.blkaddr - cpBlkaddr - pack * BLKS_PER_SEG;
      const cp = new Checkpoint(viewOf(event.block.bytes));
      if (blkoff === 0) heads.set(pack, { version: cp.checkpointVer, total: cp.cpPackTotalBlockCount });
      const head = heads.get(pack);
      if (head !== undefined && blkoff > cpPayload && blkoff === head.total - 1)
        waiting.push({ version: head.version, written: i, step });
    });
    for (const it of waiting) this.#checkpoints.push({ ...it, durable: Number.POSITIVE_INFINITY });
  }

  #expect(base: number, checkpoint: LoggedCheckpoint, state: CrashState): Expectation {
    const { steps } = this.#recording;
    const { names, inodes } = this.#tree(base);
    const expected = { names: new Map(names), inodes: new Map(inodes) };
    const loose: Loose[] = [];
    const timeless = new Set<number>();
    const written = steps[checkpoint.step];
    if (written?.kind === 'write') loose.push(...this.#looseOf(checkpoint.step, false));
    const done = this.nrDone(state.cut);
    let rolledForward = false;
    for (let i = Math.max(0, checkpoint.step); i < done; i++) {
      const { kind, tree } = steps[i];
      if (kind !== 'fsync' && kind !== 'fdatasync') continue;
      const ino = tree.names.get(steps[i].path);
      const entity = ino === undefined ? undefined : tree.inodes.get(ino);
      if (ino === undefined || entity === undefined) continue;
      const path = expectedPath(steps[i], ino, expected);
      rolledForward = true;
      const displaced = expected.names.get(path);
      expected.names.set(path, ino);
      expected.inodes.set(ino, entity);
      if (displaced !== undefined && displaced !== ino && ![...expected.names.values()].includes(displaced))
        expected.inodes.delete(displaced);
      if (kind === 'fdatasync') timeless.add(ino);
      else timeless.delete(ino);
    }
    const current = steps[done];
    if (
      current !== undefined &&
      current.begin < state.cut &&
      (current.kind === 'fsync' || current.kind === 'fdatasync')
    )
      loose.push(...this.#looseOf(done, state.kind !== 'prefix', expected));
    return { ...expected, loose, timeless, rolledForward: rolledForward || loose.length > 0 };
  }

  /** The file that a step is about, as it was (in `from`, or before the step) and as the step left it. */
  #looseOf(step: number, anything: boolean, from: Tree = this.#tree(step - 1)): Loose[] {
    const { path, tree } = this.#recording.steps[step];
    const ino = tree.names.get(path);
    if (ino === undefined) return [];
    return [{ ino, path, before: from.inodes.get(ino), after: tree.inodes.get(ino), anything }];
  }

  #compare(found: Tree, expected: Expectation, state: CrashState, base: number): string[] {
    const complaints: string[] = [];
    const loosePaths = new Map(expected.loose.map((it) => [it.path, it]));
    for (const [path, ino] of expected.names) {
      const there = found.names.get(path);
      if (there === ino || (there !== undefined && loosePaths.get(path)?.ino === there)) continue;
      complaints.push(`/${path} ${there === undefined ? 'is missing' : `is inode ${there}, not ${ino}`}`);
    }
    for (const [path, ino] of found.names) {
      if (expected.names.has(path) || loosePaths.get(path)?.ino === ino) continue;
      complaints.push(`/${path} should not be there`);
    }
    for (const [ino, entity] of found.inodes) {
      const loose = expected.loose.find((it) => it.ino === ino);
      const wanted = expected.inodes.get(ino) ?? loose?.after;
      if (wanted === undefined) continue;
      const which = this.#entityComplaints(entity, wanted, loose, expected, state, base);
      if (which.length > 0) {
        const path = [...found.names].find(([, it]) => it === ino)?.[0];
        complaints.push(`/${path} (inode ${ino}): ${which.join(', ')}`);
      }
    }
    return complaints;
  }

  #entityComplaints(
    found: Entity,
    wanted: Entity,
    loose: Loose | undefined,
    { rolledForward, timeless }: Expectation,
    state: CrashState,
    base: number,
  ): string[] {
    const complaints: string[] = [];
    const choices = [wanted, ...(loose === undefined ? [] : [loose.before, loose.after])].filter(
      (it) => it !== undefined,
    );
    for (const name of ATTRIBUTES) {
      if (choices.some((it) => it[name] === found[name])) continue;
      if (
        name === 'mtime' &&
        (timeless.has(found.ino) || (found.type === 'directory' && (rolledForward || found.mtime === '')))
      )
        continue;
      if (loose !== undefined && mayBeBetween(name, found, loose)) continue;
      complaints.push(`${name} is ${found[name]}, not ${choices.map((it) => it[name]).join(' or ')}`);
    }
    const bytes = this.#bytesComplaint(found, wanted, loose, state, base);
    if (bytes !== null) complaints.push(bytes);
    return complaints;
  }

  #bytesComplaint(
    { ino, bytes }: Entity,
    wanted: Entity,
    loose: Loose | undefined,
    state: CrashState,
    base: number,
  ): string | null {
    if (wanted.bytes.equals(bytes)) return null;
    const versions = this.#versions(ino, base, state.cut);
    if (loose?.before !== undefined) versions.push(loose.before);
    if (loose?.after !== undefined) versions.push(loose.after);
    const unit = state.torn.size > 0 ? SECTOR : BLKSIZE;
    for (let at = 0; at < bytes.length; at += unit) {
      const part = bytes.subarray(at, at + unit);
      const isAs = (other: Buffer) => samePart(part, other, at);
      if (isAs(wanted.bytes) || versions.some((it) => isAs(it.bytes))) continue;
      if (loose !== undefined) {
        const { before, after } = loose;
        const changed =
          before === undefined || after === undefined || !samePart(pad(before, at, unit), after.bytes, at);
        const isFresh = changed && isNew(at, before);
        if (isFresh && loose.anything) continue;
        // A direct node has no checksum: of a torn one, addresses may be missing.
        if ((isFresh || state.torn.size > 0) && part.equals(ZEROS.subarray(0, part.length))) continue;
      }
      return `bytes from ${at} on are neither what was synced nor what was written later`;
    }
    return null;
  }

  /** An inode as it was at each step after `base` that may have reached the disk: data is sometimes written in place. */
  #versions(ino: number, base: number, cut: number): Entity[] {
    const versions = new Set<Entity>();
    for (let i = base + 1; i <= Math.min(this.nrDone(cut), this.#recording.steps.length - 1); i++) {
      const entity = this.#tree(i).inodes.get(ino);
      if (entity !== undefined) versions.add(entity);
    }
    return [...versions];
  }
}

/**
 * Where a file that was fsynced is to be found. One that a checkpoint has stays in its directory, whatever became of the names of
 * those above, which the fsync was not of. A new one is where it was made.
 */
function expectedPath({ path, tree }: Step, ino: number, { names, inodes }: Tree): string {
  const parentIno = tree.names.get(parentOf(path));
  if (!inodes.has(ino) || names.get(parentOf(path)) === parentIno) return path;
  for (const [parent, other] of names) {
    if (other === parentIno) return `${parent}/${path.slice(path.lastIndexOf('/') + 1)}`;
  }
  return path;
}

/** Whether an attribute may be neither as before a step that was cut off nor as after it. */
function mayBeBetween(name: (typeof ATTRIBUTES)[number], found: Entity, { before, after }: Loose): boolean {
  // Half of a write may have its blocks.
  if (name === 'blocks') return true;
  // New, but nothing of it was synced yet.
  if (before === undefined || after === undefined) return name === 'size' || name === 'mtime' || name === 'xattrs';
  const [least, most] = [Math.min(before.size, after.size), Math.max(before.size, after.size)];
  return name === 'size' && found.size >= least && found.size <= most;
}

/** Whether `part` is what stands at byte `at` of `whole`, whose end may cut it, with zeros past that. */
function samePart(part: Buffer, whole: Buffer, at: number): boolean {
  const other = whole.subarray(at, at + part.length);
  if (other.length === part.length) return part.equals(other);
  const { length } = other;
  return (
    part.subarray(0, length).equals(other) && part.subarray(length).equals(ZEROS.subarray(0, part.length - length))
  );
}

/** Whether a file that was `before` had no data in the block of byte `at`. */
function isNew(at: number, before: Entity | undefined): boolean {
  const start = at - (at % BLKSIZE);
  const block = before?.bytes.subarray(start, start + BLKSIZE) ?? ZEROS;
  return block.equals(ZEROS.subarray(0, block.length));
}

function pad({ bytes }: Entity, at: number, unit: number): Buffer {
  const part = Buffer.alloc(unit);
  bytes.copy(part, 0, at, at + unit);
  return part;
}
