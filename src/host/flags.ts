// Inode flags of files and directories made on the host, as chattr sets them: by the C library, or by chattr itself.
import * as fs from 'node:fs';
import { FLAG_LETTERS, flagBits, type InodeFlag } from '../format/inode-flags.ts';
import { codeOfReason } from './commands.ts';
import { type Host, thisHost } from './host.ts';
import type { HostLibc, LinuxCalls } from './libc.ts';

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
// Source: linux/fs.h, on 64-bit hosts.
const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;

/** Gives an entry flags beside those that it has. `path`: no symlink. Returns null, or why not: an errno name, ENOSYS without a chattr. */
export type FlagSetter = (path: Buffer, flags: readonly InodeFlag[]) => string | null;

export function flagSetter(libc: HostLibc | null): FlagSetter {
  const linux = libc?.linux;
  return libc && linux ? (path, flags) => setByCall(libc, linux, path, flags) : setByCommand(thisHost(null));
}

function setByCall(libc: HostLibc, linux: LinuxCalls, path: Buffer, flags: readonly InodeFlag[]): string | null {
  let fd: number;
  try {
    fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO';
  }
  try {
    // The kernel reads and writes an int.
    const bits = new Uint8Array(8);
    const view = new DataView(bits.buffer);
    if (linux.ioctl(fd, FS_IOC_GETFLAGS, bits) !== 0) return libc.errorCode();
    view.setUint32(0, view.getUint32(0, true) | flagBits(flags), true);
    return linux.ioctl(fd, FS_IOC_SETFLAGS, bits) === 0 ? null : libc.errorCode();
  } finally {
    fs.closeSync(fd);
  }
}

function setByCommand(host: Host): FlagSetter {
  return (path, flags) => {
    const letters = flags.map((flag) => FLAG_LETTERS[flag]).join('');
    // The path in bytes: by way of xargs.
    const input = Buffer.concat([path, Buffer.alloc(1)]);
    const { status, stderr } = host.run('xargs', ['-0', 'chattr', `+${letters}`, '--'], input);
    if (status === 0) return null;
    if (status === null || status === 127) return 'ENOSYS';
    const [, reason = ''] = /^chattr: ([^\n]*?) while /m.exec(stderr.toString('latin1')) ?? [];
    return codeOfReason(reason);
  };
}
