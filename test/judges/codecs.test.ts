// The judge of compressed files is judged: it passes what Linux and sload.f2fs wrote, and sees each kind of damage.

import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCodec } from '../../src/compress/algorithms.ts';
import { BLKSIZE } from '../../src/device/device.ts';
import { COMPRESS_ADDR, NEW_ADDR, NULL_ADDR } from '../../src/format/constants.ts';
import { f2fsCrc } from '../../src/format/crc.ts';
import { I_ADDR_OFFSET, INLINE, Inode, InodeExtra, TOTAL_EXTRA_ISIZE } from '../../src/format/inode.ts';
import { viewOf } from '../../src/format/struct.ts';
import { build } from '../../src/populate/build.ts';
import { corpus } from '../../tools/bench/inputs.ts';
import { judgeCodecs } from '../../tools/judge/codecs.ts';
import { manifestOfTree } from '../../tools/judge/hosttree.ts';
import { ImageFiles } from '../../tools/judge/image-files.ts';
import type { Manifest } from '../../tools/judge/manifest.ts';
import { adversarialStream, noise } from '../../tools/judge/mixed-tree.ts';
import { projectRoot } from '../../tools/judge/paths.ts';
import { referenceCodecsAreThere, zstdWindowBytes } from '../../tools/judge/reference-codecs.ts';

let work: string;
let manifest: Manifest;
let sound: Buffer;

function unzip(name: string): Buffer {
  return Buffer.from(gunzipSync(fs.readFileSync(join(projectRoot, 'images', name))));
}

beforeAll(() => {
  work = fs.mkdtempSync(join(tmpdir(), 'f2fs-codecs-'));
  manifest = JSON.parse(unzip('kernel-compressed.manifest.json.gz').toString()) as Manifest;
  sound = unzip('kernel-compressed.img.gz');
});

afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

/** What a case of damage may touch: views on the image's bytes. */
interface Place {
  inode: Inode;
  extra: InodeExtra;
  /** The addresses in the inode. */
  slots: Uint32Array;
  /** The blocks of the first cluster, which follow one another, and what comes after. */
  cluster: Buffer;
}

/** Damages one file of the kernel's image and tells what the judge says of it. */
function complaintsOf(path: string, damage: (place: Place) => void): string[] {
  const image = join(work, 'damaged.img');
  fs.writeFileSync(image, sound);
  const files = new ImageFiles(image);
  const unread = (text: string) => expect.unreachable(text);
  const file = [...files.files(unread)].find(({ paths }) => paths.includes(path));
  if (file === undefined) throw new Error(`${path} is not in the image`);
  const inodeAt = files.blkaddrOf(file.ino) * BLKSIZE;
  files.close();
  const bytes = Buffer.from(sound);
  const block = new Uint8Array(bytes.buffer, bytes.byteOffset + inodeAt, BLKSIZE);
  const clusterAt = file.runs[0].addrs[1] * BLKSIZE;
  const slots = file.runs[0].addrs.slice();
  damage({
    inode: new Inode(viewOf(block), 0),
    extra: new InodeExtra(viewOf(block), I_ADDR_OFFSET),
    slots,
    cluster: bytes.subarray(clusterAt, clusterAt + 16 * BLKSIZE),
  });
  const view = viewOf(block);
  slots.forEach((addr, i) => {
    view.setUint32(I_ADDR_OFFSET + TOTAL_EXTRA_ISIZE + 4 * i, addr, true);
  });
  fs.writeFileSync(image, bytes);
  return judgeCodecs(image, { source: manifest }).complaints;
}

describe.skipIf(!referenceCodecsAreThere())('the judge of compressed files', () => {
  it('passes what Linux compressed, whatever the algorithm, and says who decompressed it', () => {
    const image = join(work, 'sound.img');
    fs.writeFileSync(image, sound);
    const { complaints, algorithms, files, comparedFiles } = judgeCodecs(image, { source: manifest });
    expect(complaints).toEqual([]);
    expect(Object.keys(algorithms).sort()).toEqual([
      ...['lz4 16K', 'lz4 64K', 'lz4:9 16K', 'lzo 16K', 'lzo-rle 16K', 'zstd:1 32K', 'zstd:12 128K'],
    ]);
    for (const [name, { library, second, files, releasedFiles, clusters, rawClusters }] of Object.entries(algorithms)) {
      expect(library === null).toBe(name === 'lzo-rle 16K');
      expect(second).toBe(name.startsWith('lz4') ? 'lz4js' : null);
      expect({ files, releasedFiles }).toEqual({ files: 10, releasedFiles: 1 });
      expect(clusters).toBeGreaterThan(0);
      expect(rawClusters).toBeGreaterThan(0);
    }
    expect(files).toBe(70);
    // Of lzo-rle's ten files, two have no compressed cluster.
    expect(comparedFiles).toBe(62);
  });

  it('passes what sload.f2fs compressed, but for the old bytes behind its clusters', () => {
    const image = join(work, 'sload.img');
    fs.writeFileSync(image, unzip('sload-compressed.img.gz'));
    const source = JSON.parse(unzip('sload-compressed.manifest.json.gz').toString()) as Manifest;
    const lenient = judgeCodecs(image, { source, dirtyPadding: true });
    expect(lenient.complaints).toEqual([]);
    expect(lenient.notes).toEqual(['clusters are not padded with zeros']);
    expect(lenient.comparedFiles).toBe(60);
    expect(lenient.algorithms['lz4 32K']).toMatchObject({ files: 10, releasedFiles: 10, clusters: 20 });
    const strict = judgeCodecs(image, { source });
    for (const line of strict.complaints) expect(line).toMatch(/not padded with zeros/);
    expect(strict.ok).toBe(false);
  });

  it('takes a decoder that it is given for lzo-rle, and compares what that makes of it', () => {
    const image = join(work, 'sound.img');
    fs.writeFileSync(image, sound);
    const nothing = new Map([[3 as const, (_: Uint8Array, dst: Uint8Array) => dst.fill(0).length]]);
    const { complaints } = judgeCodecs(image, { source: manifest, decoders: nothing });
    expect(complaints.length).toBeGreaterThan(0);
    for (const line of complaints) expect(line).toMatch(/^"lzo-rle-16k.*(content differs|\bpast the file's end)/);
  });

  const lz4 = 'lz4-16k/whole-clusters';
  it.each<[string, string, (place: Place) => void, RegExp]>([
    [
      'a flipped bit of the contents',
      'lz4-64k-checksum/whole-clusters',
      ({ cluster }) => void (cluster[40] ^= 1),
      /checksum/,
    ],
    ['contents that the library refuses', lz4, ({ cluster }) => void cluster.fill(0xff, 24, 60), /liblz4 \S+ refuses/],
    ['contents that are others', lz4, ({ cluster }) => void (cluster[26] ^= 1), /content differs/],
    ['a clen of nothing', lz4, ({ cluster }) => void cluster.writeUInt32LE(0), /says it has 0 bytes/],
    ['a clen past its blocks', lz4, ({ cluster }) => void cluster.writeUInt32LE(4073), /4073 bytes, in 1 blocks/],
    ['a clen too short', lz4, ({ cluster }) => void cluster.writeUInt32LE(100), /refuses|decompresses to/],
    ['padding', lz4, ({ cluster }) => void (cluster[4095] = 1), /not padded with zeros/],
    ['a header with something in it', lz4, ({ cluster }) => void (cluster[12] = 1), /header is not zero/],
    ['a block behind a gap', lz4, ({ slots }) => void (slots[3] = slots[1]), /behind a gap/],
    ['a slot that is not reserved', lz4, ({ slots }) => void (slots[3] = NULL_ADDR), /not reserved/],
    ['a cluster without blocks', lz4, ({ slots }) => void (slots[1] = NEW_ADDR), /has no blocks/],
    ['COMPRESS_ADDR twice', lz4, ({ slots }) => void (slots[2] = COMPRESS_ADDR), /COMPRESS_ADDR twice/],
    [
      'COMPRESS_ADDR in a raw cluster',
      lz4,
      ({ slots }) => void slots.copyWithin(0, 1, 4),
      /where no cluster begins|should be/,
    ],
    ['too many blocks', lz4, ({ slots }) => void (slots[2] = slots[1]), /2 blocks for/],
    ['i_blocks', lz4, ({ inode }) => void inode.iBlocks++, /i_blocks is 18, should be 17/],
    ['i_compr_blocks', lz4, ({ extra }) => void (extra.iComprBlocks = 999), /i_compr_blocks is 999, should be 12/],
    [
      'an algorithm that does not exist',
      lz4,
      ({ extra }) => void (extra.iCompressAlgorithm = 9),
      /algorithm 9 does not/,
    ],
    ['a cluster size out of range', lz4, ({ extra }) => void (extra.iLogClusterSize = 9), /clusters of 2\^9/],
    ['a flag that means nothing', lz4, ({ extra }) => void (extra.iCompressFlag = 2), /i_compress_flag is 0x2/],
    ['a size within a cluster', lz4, ({ inode }) => void (inode.iSize = 50_000), /past the file's end/],
    [
      'a file marked as released',
      lz4,
      ({ inode }) => void (inode.iInline |= INLINE.COMPRESS_RELEASED),
      /reserved slots, though/,
    ],
    [
      'another algorithm',
      'lzo-16k/whole-clusters',
      ({ extra }) => void (extra.iCompressAlgorithm = 1),
      /liblz4 \S+ refuses|decompresses to/,
    ],
    ['a window larger than a cluster', 'zstd-32k/whole-clusters', ({ cluster }) => widen(cluster), /wants a window of/],
  ])('sees %s', (_, path, damage, complaint) => {
    const found = complaintsOf(path, damage);
    expect(found.filter((line) => line.startsWith(JSON.stringify(path))).join('\n')).toMatch(complaint);
    expect(found.filter((line) => !line.startsWith(JSON.stringify(path)))).toEqual([]);
  });

  it('sees a checksum that fits but bytes that do not decompress', () => {
    const path = 'lz4-64k-checksum/whole-clusters';
    const found = complaintsOf(path, ({ cluster }) => {
      cluster.fill(0xff, 24, 60);
      cluster.writeUInt32LE(f2fsCrc(cluster.subarray(24, 24 + cluster.readUInt32LE(0))), 4);
    });
    expect(found.join('\n')).toMatch(/refuses its|decompresses to/);
    expect(found.join('\n')).not.toMatch(/has checksum/);
  });

  it('sees a file that is missing, and one that should not be there', () => {
    const image = join(work, 'sound.img');
    fs.writeFileSync(image, sound);
    const entries = manifest.entries.map((entry) => (entry.path === lz4 ? { ...entry, path: 'elsewhere' } : entry));
    expect(judgeCodecs(image, { source: { ...manifest, entries } }).complaints).toEqual([
      expect.stringMatching(/whole-clusters" .*should not be there/),
      '"elsewhere": missing',
    ]);
  });
});

describe.skipIf(!referenceCodecsAreThere())('100,000 clusters that build wrote', () => {
  let tree: string;
  let source: Manifest;

  beforeAll(async () => {
    tree = join(work, 'tree');
    fs.mkdirSync(tree);
    const put = (name: string, bytes: Buffer) => fs.writeFileSync(join(tree, name), bytes);
    put('text', corpus('text', 176 << 20));
    put('programs', corpus('binary', 176 << 20));
    put('noise', noise(32 << 20, 5));
    put('zeros', Buffer.alloc(16 << 20));
    for (let seed = 0; seed < 6; seed++) put(`adversarial-${seed}`, adversarialStream(32 << 20, seed));
    source = await manifestOfTree(tree);
  });

  afterAll(() => fs.rmSync(tree, { recursive: true, force: true }));

  it.each(['lz4', 'zstd:3', 'lzo'])('are all taken by the library of %s', async (name) => {
    const image = join(work, 'large.img');
    const report = await build(tree, image, { force: true, compress: { codec: parseCodec(name), clusterPages: 4 } });
    const { complaints, algorithms, comparedFiles } = judgeCodecs(image, { source });
    fs.rmSync(image);
    expect(complaints).toEqual([]);
    expect(comparedFiles).toBe(10);
    const [tally, ...others] = Object.values(algorithms);
    expect(others).toEqual([]);
    expect(tally.clusters + tally.rawClusters).toBeGreaterThan(33_400);
    expect(report.compression).toMatchObject({ clusters: tally.clusters, savedBlocks: tally.pages - tally.blocks });
  });
});

/** Makes a frame of a single segment ask for a window of its own: 2 MiB. */
function widen(cluster: Buffer): void {
  const frame = cluster.subarray(24);
  expect(zstdWindowBytes(frame)).toBeLessThanOrEqual(32768);
  const single = (frame[4] & 0x20) !== 0;
  if (!single) frame[5] = 11 << 3;
  else {
    // The size of its content, in 2 bytes (less 256), becomes one in 4.
    frame[4] = 0x20 | 0x80;
    frame.writeUInt32LE(2 << 20, 5);
  }
}
