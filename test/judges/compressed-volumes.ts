// Volumes with compressed files, written and rewritten through our own mount, for outside judges to look at.
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { parseCodec } from '../../src/compress/algorithms.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { format } from '../../src/mkfs/format.ts';
import type { Manifest } from '../../tools/judge/manifest.ts';
import { makeMixedTree } from '../../tools/judge/mixed-tree.ts';
import { type Payload, payload, type Rewrite } from '../../tools/judge/rewrites.ts';
import { type CodecVariant, clusterBytesOf, nameOfVariant } from '../../tools/judge/variants.ts';
import { manifestOfVolume } from './volume-manifest.ts';

/** The features of a volume that holds compressed files. */
const FEATURES = ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'compression', 'lost_found'] as const;

/** Formats an image file for compressed files. */
export function formatCompressed(image: string, sizeBytes: number): void {
  const device = openFileDevice(image, { writable: true, create: { sizeBytes, overwrite: true } });
  format(device, { features: [...FEATURES] });
  device.close();
}

/** Mounts an image, lets `use` do something with it, and unmounts. */
export function withVolume<T>(image: string, options: MountOptions, use: (volume: FileSystem) => T): T {
  const device = openFileDevice(image, { writable: options.readonly !== true });
  try {
    const volume = mount(device, options);
    const result = use(volume);
    volume.close();
    return result;
  } finally {
    device.close();
  }
}

/** What our own reader finds in an image. */
export function readHere(image: string): Manifest {
  return withVolume(image, { readonly: true }, (volume) => manifestOfVolume(volume));
}

/** The mixed trees for each cluster size, made when they are first asked for. */
export class MixedTrees {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  of(variant: CodecVariant): string {
    const directory = join(this.#directory, `tree-${clusterBytesOf(variant)}`);
    if (!fs.existsSync(directory)) {
      fs.mkdirSync(directory);
      makeMixedTree(directory, clusterBytesOf(variant));
    }
    return directory;
  }
}

/** Writes a tree into a directory of an image, compressed as the variant says, in a mount of its own. */
export function writeVariant(image: string, variant: CodecVariant, tree: string, options: MountOptions = {}): void {
  const compress = {
    codec: parseCodec(variant.codec),
    clusterPages: 1 << variant.logClusterSize,
    checksum: variant.checksum,
    extensions: ['*'],
  };
  withVolume(image, { ...options, compress }, (volume) => copyTree(volume, tree, `/${nameOfVariant(variant)}`));
}

/** Copies directories and files; pages of zeros in files named `sparse/...` become holes. */
function copyTree(volume: FileSystem, from: string, to: string): void {
  volume.mkdir(to);
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), `${to}/${entry.name}`];
    if (entry.isDirectory()) copyTree(volume, source, target);
    else if (from.endsWith('/sparse')) writeSparse(volume, target, fs.readFileSync(source));
    else volume.writeFile(target, fs.readFileSync(source));
  }
}

function writeSparse(volume: FileSystem, path: string, bytes: Buffer): void {
  volume.writeFile(path, Buffer.alloc(0));
  using file = volume.openFile(path);
  for (let at = 0; at < bytes.length; at += 4096) {
    const page = bytes.subarray(at, at + 4096);
    if (page.some((byte) => byte !== 0)) file.write(page, at);
  }
  file.truncate(bytes.length);
}

/** SHA-256 of every file below a directory, by path. */
export function hashesOf(directory: string, prefix = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const [path, name] = [join(directory, entry.name), `${prefix}${entry.name}`];
    if (entry.isDirectory()) for (const [child, sum] of hashesOf(path, `${name}/`)) found.set(child, sum);
    else found.set(name, sha256(fs.readFileSync(path)));
  }
  return found;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The hashes of a manifest's files below a directory, by path within it. */
export function hashesBelow({ entries }: Manifest, directory: string): Map<string, string | undefined> {
  const files = entries.filter(({ type, path }) => type === 'f' && path.startsWith(`${directory}/`));
  return new Map(files.map(({ path, sha256 }) => [path.slice(directory.length + 1), sha256]));
}

const payloads: Partial<Record<Payload, Buffer>> = {};

/** The same bytes as the guest's program takes, so that both may be asked to do the same. */
function bytesFor(kind: Payload, at: number, length: number): Buffer {
  const bytes = (payloads[kind] ??= payload(kind));
  const start = (at * 7) % (bytes.length - length + 1);
  return bytes.subarray(start, start + length);
}

/** Applies a plan to a mounted volume; returns what each file must hold then, and fails where it is not refused as it says. */
export function rewriteHere(volume: FileSystem, rewrites: readonly Rewrite[]): Map<string, Buffer> {
  const wanted = new Map<string, Buffer>();
  for (const rewrite of rewrites) {
    const path = Buffer.from(rewrite.path, 'latin1');
    const before = wanted.get(rewrite.path) ?? Buffer.from(volume.readFile(path));
    let after: Buffer | null = null;
    try {
      after = applyHere(volume, path, rewrite, before);
    } catch (error) {
      const refused = error instanceof F2fsError && error.code === 'EPERM' && rewrite.refusedWith === 1;
      if (!refused) throw new Error(`${JSON.stringify(rewrite)}: ${String(error)}`, { cause: error });
    }
    // Linux punches no holes into compressed files; we may.
    if (after !== null && rewrite.refusedWith === 1) throw new Error(`${JSON.stringify(rewrite)} was not refused`);
    wanted.set(rewrite.path, after ?? before);
  }
  return wanted;
}

function applyHere(volume: FileSystem, path: Uint8Array, rewrite: Rewrite, before: Buffer): Buffer {
  using file = volume.openFile(path);
  switch (rewrite.op) {
    case 'write':
    case 'append': {
      const at = rewrite.op === 'append' ? before.length : rewrite.at;
      const bytes = bytesFor(rewrite.kind, at, rewrite.length);
      file.write(bytes, at);
      const after = Buffer.alloc(Math.max(before.length, at + bytes.length));
      before.copy(after);
      bytes.copy(after, at);
      return after;
    }
    case 'truncate': {
      file.truncate(rewrite.at);
      const after = Buffer.alloc(rewrite.at);
      before.copy(after);
      return after;
    }
    case 'punch': {
      file.punch(rewrite.at, rewrite.length);
      return Buffer.from(before).fill(0, rewrite.at, rewrite.at + rewrite.length);
    }
    case 'fsync':
      volume.sync();
      return before;
    case 'release':
      file.releaseBlocks();
      return before;
    case 'reserve':
      file.reserveBlocks();
      return before;
    case 'allocate':
      throw new Error('there is no fallocate');
  }
}
