// Fifos, sockets and device nodes on the host. node:fs makes none: the C library does, or the mknod command.
import { spawnSync } from 'node:child_process';
import { errnoText, F2fsError } from '../errors.ts';
import { S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK } from '../format/constants.ts';
import type { HostLibc } from './host-libc.ts';
import { makeDev } from './host-source.ts';

export type HostNodeType = 'fifo' | 'socket' | 'char' | 'block';

const MODES: Readonly<Record<HostNodeType, number>> = {
  fifo: S_IFIFO,
  socket: S_IFSOCK,
  char: S_IFCHR,
  block: S_IFBLK,
};

/** Made with mode 0600, which the caller changes. Throws the host's code; EOPNOTSUPP for what this host can't make. */
export function makeHostNode(
  libc: HostLibc | null,
  hostPath: Buffer,
  type: HostNodeType,
  rdevMajor: number,
  rdevMinor: number,
): void {
  const dev = type === 'char' || type === 'block' ? makeDev(rdevMajor, rdevMinor) : 0;
  if (libc?.mknod) {
    const pathZ = Buffer.concat([hostPath, Buffer.alloc(1)]);
    if (libc.mknod(pathZ, MODES[type] | 0o600, dev) === 0) return;
    const code = libc.errorCode();
    throw new F2fsError(code, code === 'EPERM' ? 'only root can' : errnoText(code));
  }
  if (type === 'socket' || process.platform === 'win32') {
    throw new F2fsError('EOPNOTSUPP', `this host cannot make a ${type} (on Linux, install the package koffi)`);
  }
  runCommand(hostPath, type === 'fifo' ? 'mkfifo -m 600' : 'mknod -m 600', nodeArguments(type, rdevMajor, rdevMinor));
}

function nodeArguments(type: HostNodeType, rdevMajor: number, rdevMinor: number): string {
  return type === 'fifo' ? '' : `${type === 'char' ? 'c' : 'b'} ${rdevMajor} ${rdevMinor}`;
}

/** A child's arguments are text, so the path's bytes pass as octal escapes; the x keeps a final line end. */
function runCommand(hostPath: Buffer, command: string, rest: string): void {
  const escaped = [...hostPath].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('');
  const script = `p="$(printf %b "$1"; printf x)"; exec ${command} "\${p%x}" ${rest}`;
  const child = spawnSync('sh', ['-c', script, 'sh', escaped], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (child.error) throw child.error;
  if (child.status === 0) return;
  const reason = child.stderr.trim();
  const code = /not permitted|permission/i.test(reason) ? 'EPERM' : /exists/i.test(reason) ? 'EEXIST' : 'EIO';
  throw new F2fsError(code, reason === '' ? `${command} failed` : reason);
}
