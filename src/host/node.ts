// Fifos, sockets and device nodes on the host. node:fs makes none: the C library does, or the mknod command.
import { spawnSync } from 'node:child_process';
import { errnoText, F2fsError } from '../errors.ts';
import { S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK } from '../format/constants.ts';
import { codeOfReason } from './commands.ts';
import { makeDev } from './device-numbers.ts';
import type { HostLibc } from './libc.ts';

export type HostNodeType = 'fifo' | 'socket' | 'char' | 'block';

const MODES: Readonly<Record<HostNodeType, number>> = {
  fifo: S_IFIFO,
  socket: S_IFSOCK,
  char: S_IFCHR,
  block: S_IFBLK,
};

/** What people call them. */
export const NODE_NAMES: Readonly<Record<HostNodeType, string>> = {
  fifo: 'fifo',
  socket: 'socket',
  char: 'character device',
  block: 'block device',
};
/** Exit codes of a shell that finds no such command, or none that it may run. */
const NOT_RUN: readonly (number | null)[] = [126, 127];

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
    throw refused(libc.errorCode());
  }
  if (type === 'socket' || process.platform === 'win32') {
    const message = `this host cannot make a ${NODE_NAMES[type]} (on Linux, install the package koffi)`;
    throw new F2fsError('EOPNOTSUPP', message);
  }
  runCommand(hostPath, type === 'fifo' ? 'mkfifo' : 'mknod', nodeArguments(type, rdevMajor, rdevMinor));
}

function refused(code: string): F2fsError {
  if (code !== 'EPERM') return new F2fsError(code, errnoText(code));
  const isRoot = process.geteuid?.() === 0;
  return new F2fsError(
    code,
    isRoot ? 'the host refuses it to this root, as in a container without CAP_MKNOD' : 'only root can',
  );
}

function nodeArguments(type: HostNodeType, rdevMajor: number, rdevMinor: number): string {
  return type === 'fifo' ? '' : `${type === 'char' ? 'c' : 'b'} ${rdevMajor} ${rdevMinor}`;
}

/** A child's arguments are text, so the path's bytes pass as octal escapes; the x keeps a final line end. */
function runCommand(hostPath: Buffer, command: 'mkfifo' | 'mknod', rest: string): void {
  const escaped = [...hostPath].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('');
  const script = `p="$(printf %b "$1"; printf x)"; exec ${command} -m 600 "\${p%x}" ${rest}`;
  const child = spawnSync('sh', ['-c', script, 'sh', escaped], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const { code: unstarted } = (child.error ?? {}) as NodeJS.ErrnoException;
  if (child.error !== undefined && unstarted !== 'ENOENT') throw child.error;
  if (child.error !== undefined || NOT_RUN.includes(child.status)) {
    const message = `it takes the package koffi, or sh and ${command} of Debian's coreutils in PATH: install one of them`;
    throw new F2fsError('EOPNOTSUPP', message, { cause: child.error });
  }
  if (child.status === 0) return;
  // Behind the path and a colon.
  const reason = child.stderr.trim();
  const code = codeOfReason(reason.slice(reason.lastIndexOf(': ') + 2));
  if (code !== 'EIO') throw refused(code);
  throw new F2fsError(code, reason === '' ? `${command} failed` : reason);
}
