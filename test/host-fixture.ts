// A host tree with everything that a scan must tell apart.
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { hostLibc } from '../src/host/libc.ts';

export const isRoot = process.geteuid?.() === 0;

export function makeTempDir(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'f2fs-host-'));
}

export function bytesPath(dir: string, ...names: (string | Uint8Array)[]): Buffer {
  return Buffer.concat([Buffer.from(dir), ...names.flatMap((name) => [Buffer.from('/'), Buffer.from(name)])]);
}

export const LATIN1_NAME = Buffer.from([0x66, 0xfc, 0x72]);
export const LONG_NAME = `${'ü'.repeat(127)}x`;

/** Whether user.* attributes work in this directory. */
export function canSetXattrs(dir: string): boolean {
  try {
    setXattr(dir, 'user.f2fs-probe', '0x31');
    return true;
  } catch {
    return false;
  }
}

/** By the command: tests run where koffi is not, too. `value`: hex digits behind 0x. */
export function setXattr(file: string, name: string, value = '0x'): void {
  execFileSync('setfattr', ['-h', '-n', name, '-v', value, '--', file], { stdio: 'ignore' });
}

export function makeVariedTree(root: string): void {
  fs.writeFileSync(`${root}/plain`, 'hello\n', { mode: 0o640 });
  fs.writeFileSync(`${root}/empty`, '');
  fs.mkdirSync(`${root}/dir`, { mode: 0o2750 });
  fs.chmodSync(`${root}/dir`, 0o2750);
  fs.mkdirSync(`${root}/empty-dir`);
  fs.writeFileSync(`${root}/dir/${LONG_NAME}`, 'long');
  fs.linkSync(`${root}/plain`, `${root}/dir/link-2`);
  fs.linkSync(`${root}/plain`, `${root}/zz-link-3`);
  fs.symlinkSync('../nowhere/ü', `${root}/dir/symlink`);
  fs.symlinkSync('..', `${root}/dir/up`);
  // Byte order and UTF-16 order differ for these two.
  fs.writeFileSync(`${root}/\u{ff5e}`, '');
  fs.writeFileSync(`${root}/\u{1f600}`, '');
  if (process.platform === 'linux') {
    fs.mkdirSync(bytesPath(root, LATIN1_NAME));
    fs.writeFileSync(bytesPath(root, LATIN1_NAME, 'inside'), 'below a name that is not UTF-8');
    fs.writeFileSync(bytesPath(root, LATIN1_NAME, Buffer.from([0xff, 0xfe])), '');
    fs.symlinkSync(Buffer.from([0xe9, 0x2f, 0xff]), bytesPath(root, 'latin1-target'));
  }
  spawnSync('mkfifo', [`${root}/fifo`]);
  const libc = hostLibc();
  if (libc?.mknod) libc.mknod(Buffer.from(`${root}/socket\0`), 0o140755, 0);
  if (isRoot) {
    spawnSync('mknod', [`${root}/char`, 'c', '511', '70000']);
    spawnSync('mknod', [`${root}/block`, 'b', '8', '1']);
    fs.linkSync(`${root}/char`, `${root}/char-link`);
    fs.lchownSync(`${root}/empty`, 4_000_000_000, 70_000);
  }
  fs.truncateSync(`${root}/empty`, 2 ** 32 + 5);
  if (libc) {
    const times = new BigInt64Array([1_234_567_890n, 123_456_789n, -5n, 987_654_321n]);
    libc.utimens(Buffer.from(`${root}/plain\0`), new Uint8Array(times.buffer));
    libc.utimens(Buffer.from(`${root}/dir/up\0`), new Uint8Array(times.buffer));
  }
  if (canSetXattrs(root)) {
    setXattr(`${root}/plain`, 'user.one', '0x31');
    setXattr(`${root}/dir`, 'user.ü');
  }
}

/** Runs as an ordinary user, until the promise settles that `run` may return; does nothing special when we are one. */
export function asNobody<T>(run: () => T): T {
  if (!isRoot) return run();
  process.setegid!(65534);
  process.seteuid!(65534);
  const restore = () => {
    process.seteuid!(0);
    process.setegid!(0);
  };
  let result: T;
  try {
    result = run();
  } catch (error) {
    restore();
    throw error;
  }
  if (result instanceof Promise) return result.finally(restore) as T;
  restore();
  return result;
}
