// What an image file has besides its contents, and keeps when another file takes its place: mode, owner, ACL, extended attributes.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { F2fsError } from '../errors.ts';

/**
 * Gives `to` the mode, owner, ACL and extended attributes of `from`; Node.js knows the first two alone, so cp is asked on Linux. Who
 * can't give it the owner keeps what it has, and shuts out the group, which is another. Throws EOPNOTSUPP for attributes that can't be
 * taken over, and what the host says.
 */
export function copyAttributes(from: string, to: string): void {
  const { mode, uid, gid } = fs.statSync(from);
  let kept = mode & 0o7777;
  const own = fs.statSync(to);
  if (own.uid !== uid || own.gid !== gid) {
    try {
      fs.chownSync(to, uid, gid);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
      if (own.gid !== gid) kept &= ~0o070;
    }
  }
  fs.chmodSync(to, kept);
  if (process.platform === 'linux') copyXattrs(from, to);
}

function copyXattrs(from: string, to: string): void {
  const args = ['--attributes-only', '--preserve=xattr', '--', from, to];
  const { status, stderr, error } = spawnSync('cp', args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  // Without GNU's cp there is nobody to ask.
  if (error !== undefined || status === 0 || !stderr.startsWith('cp: setting attribute')) return;
  const message = `its extended attributes can't be taken over: ${stderr.trim().split('\n')[0]}`;
  throw new F2fsError('EOPNOTSUPP', message, { path: from });
}
