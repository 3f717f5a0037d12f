// The judge is judged: it must let a sound image pass and see each kind of damage, or no other verdict means anything.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgeFsckLine } from '../../tools/judge/fsck.js';
import {
  compareManifests,
  fsck,
  type Judgement,
  judgeImage,
  judgeImages,
  type Manifest,
  manifestOfTree,
  qemuIsThere,
  umlIsThere,
} from '../../tools/judge/index.js';
import { projectRoot, toolEnv } from '../../tools/judge/paths.js';

const kernelIsHere = umlIsThere() || qemuIsThere();
let work: string;
let tree: string;
let sound: string;
let soundBefore: string;

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function shell(script: string): void {
  execFileSync('sh', ['-euc', script], { env: toolEnv(), stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Unpacks a golden image and its manifest. */
function golden(name: string): { image: string; source: Manifest } {
  const image = join(work, `${name}.img`);
  writeFileSync(image, gunzipSync(readFileSync(join(projectRoot, 'images', `${name}.img.gz`))));
  const manifest = gunzipSync(readFileSync(join(projectRoot, 'images', `${name}.manifest.json.gz`)));
  return { image, source: JSON.parse(manifest.toString('utf8')) as Manifest };
}

/** A copy of the sound image with its bytes changed. */
function damaged(name: string, damage: (bytes: Buffer) => void): string {
  const path = join(work, `${name}.img`);
  const bytes = readFileSync(sound);
  damage(bytes);
  writeFileSync(path, bytes);
  return path;
}

function flipFileData(bytes: Buffer): void {
  const at = bytes.indexOf('needle in block 5');
  expect(at).toBeGreaterThan(0);
  bytes[at] ^= 1;
}

function corruptSit(bytes: Buffer): void {
  // struct f2fs_super_block at 1024: segment_count_sit at 56, sit_blkaddr at 80; an entry is 74 bytes, its map at 2.
  const segmentCountSit = bytes.readUInt32LE(1024 + 56);
  const sitBlkaddr = bytes.readUInt32LE(1024 + 80);
  for (const copy of [sitBlkaddr, sitBlkaddr + (segmentCountSit / 2) * 512]) {
    for (let segno = 0; segno < 24; segno++) bytes[copy * 4096 + segno * 74 + 2 + 40] ^= 0x10;
  }
}

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-harness-'));
  tree = join(work, 'tree');
  sound = join(work, 'sound.img');
  mkdirSync(join(tree, 'sub/dir'), { recursive: true });
  const blocks = Array.from({ length: 9 }, (_, i) => `needle in block ${i}\n`.padEnd(4096, '.'));
  writeFileSync(join(tree, 'sub/blocks'), blocks.join(''));
  writeFileSync(join(tree, 'small'), 'small\n');
  shell(`cd ${tree} && ln -s small link && ln small sub/hard && chmod 4750 sub/blocks
    find . -depth -exec touch -h -d @1577934245 {} + # the root's time is mkfs.f2fs's -T
    truncate -s 96M ${sound} && mkfs.f2fs -q -T 1577934245 ${sound} && sload.f2fs -P -f ${tree} ${sound}`);
  soundBefore = sha256(sound);
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('fsck.f2fs as a judge', () => {
  it('passes a sound image and leaves it as it is', async () => {
    expect(await fsck(sound)).toMatchObject({ ok: true, complaints: [], exitCode: 0 });
    expect(sha256(sound)).toBe(soundBefore);
  });

  it('fails an image with a corrupted SIT', async () => {
    const { ok, complaints } = await fsck(damaged('sit', corruptSit));
    expect(ok).toBe(false);
    expect(complaints.join('\n')).toContain('SIT');
  });

  it('fails what is no image at all', async () => {
    const zeros = join(work, 'zeros.img');
    writeFileSync(zeros, Buffer.alloc(64 << 20));
    expect((await fsck(zeros)).ok).toBe(false);
  });

  it.each([
    ['fine', '[FSCK] Unreachable nat entries                        [Ok..] [0x0]'],
    ['fine', 'Info: CKPT version = 45c4ac79'],
    ['fine', 'Info: checkpoint state = 185 :  trimmed nat_bits compacted_summary unmount'],
    ['note', 'Info: checkpoint state = 4 :  crc sudden-power-off'],
    ['complaint', 'Info: checkpoint state = 15 :  fsck error unmount'],
    ['complaint', '[FSCK] valid_block_count matching with CP             [Fail] [0x2]'],
    ['complaint', '[ASSERT] (sanity_check_nid: 380)  --> nid is not valid. [0x0]'],
    ['complaint', '[FIX] (fsck_chk_inode_blk: 900)  --> Regular: 0x4 reset i_blocks'],
    ['complaint', 'NID[0x5] is unreachable, blkaddr:0x1000'],
    ['complaint', '\tInvalid CP CRC: offset:4092, crc:0x1, calc:0x2'],
    ['complaint', 'Info: Fix wrong user_block_count in CP: (1) -> (2)'],
    ['complaint', 'a line that no one has seen before'],
  ] as const)('calls it %s: %s', (verdict, line) => {
    expect(judgeFsckLine(line)).toBe(verdict);
  });
});

describe('manifests', () => {
  it('differ in one field when the trees do', async () => {
    const before = await manifestOfTree(tree);
    const copy = join(work, 'copy');
    for (const [change, difference] of [
      ['chmod 4751 sub/blocks', /"sub\/blocks": mode is 04751, should be 04750/],
      ['touch -h -d @1577934245.000000001 link', /"link": mtimeNs is \d+, should be/],
      ['printf X | dd conv=notrunc of=sub/blocks && touch -d @1577934245 sub/blocks', /content differs/],
      ['setfattr -n user.x -v 1 small', /"small": xattr user.x should not be there/],
      ['ln -sfT other link && touch -h -d @1577934245 link . ', /"link": target is other, should be small/],
      ['rmdir sub/dir && touch -d @1577934245 sub', /"sub\/dir": missing/],
    ] as const) {
      shell(`rm -rf ${copy} && cp -a ${tree} ${copy} && cd ${copy} && ${change}`);
      const { equal, differences } = compareManifests(before, await manifestOfTree(copy));
      expect(equal).toBe(false);
      expect(differences.join('\n')).toMatch(difference);
    }
  });
});

describe.skipIf(!kernelIsHere)('kernels as judges', () => {
  let verdicts: Judgement[];
  beforeAll(async () => {
    verdicts = await judgeImages([
      { image: sound, source: tree },
      { image: damaged('flipped', flipFileData), source: tree },
      { image: damaged('sit', corruptSit), source: tree },
      golden('kernel-features'),
      golden('sload'),
    ]);
  });

  it('pass an image that holds its source', () => {
    expect(verdicts[0].complaints).toEqual([]);
    expect(verdicts[0].ok).toBe(true);
  });

  it('see one flipped bit of file data, which fsck.f2fs cannot', () => {
    expect(verdicts[1].fsck.ok).toBe(true);
    expect(verdicts[1].ok).toBe(false);
    expect(verdicts[1].complaints).toEqual([expect.stringMatching(/"sub\/blocks": content differs/)]);
  });

  it('do not pass an image that fsck.f2fs fails', () => {
    expect(verdicts[2].ok).toBe(false);
  });

  it('find in the golden images what their manifests say: every kind of inode, name, xattr and hole', () => {
    expect(verdicts[3].complaints).toEqual([]);
    expect(verdicts[4].complaints).toEqual([]);
  });

  it('leave the image as it is', () => {
    expect(sha256(sound)).toBe(soundBefore);
  });
});

describe.skipIf(!qemuIsThere())('QEMU as a judge', () => {
  it('reads and writes compressed files', async () => {
    const { image, source } = golden('kernel-compressed');
    const verdict = await judgeImage(image, source, { kernels: ['qemu'] });
    expect(verdict.complaints).toEqual([]);
  });
});
