// A host of which any call can be made to fail.
import type { Host } from '../../src/host/host.ts';
import type { HostLibc, LinuxCalls } from '../../src/host/libc.ts';

/** Told of each call before it is made: its number from 0 on and its name. An errno name makes it fail. */
export type Fault = (nr: number, call: string) => string | null;

const FS_CALLS = [
  'openSync',
  'closeSync',
  'readSync',
  'fstatSync',
  'lstatSync',
  'readdirSync',
  'readlinkSync',
] as const;
const LINUX_CALLS = ['open', 'statx', 'getdents64', 'lseek', 'close'] as const;
const LIBC_CALLS = ['listxattr', 'getxattr'] as const;

export function faultyHost(real: Host, fault: Fault): Host {
  let nr = 0;
  /** Of the call that failed last, when it was made to. */
  let injected: string | null = null;
  const ask = (call: string) => fault(nr++, call);
  const failing =
    <A extends unknown[]>(call: string, made: (...args: A) => number) =>
    (...args: A): number => {
      injected = ask(call);
      return injected === null ? made(...args) : -1;
    };
  const throwing =
    <A extends unknown[], R>(call: string, made: (...args: A) => R) =>
    (...args: A): R => {
      const code = ask(call);
      if (code === null) return made(...args);
      throw Object.assign(new Error(`${code}: made to fail, ${call} '${args[0]}'`), { code, syscall: call });
    };
  const fs = { ...real.fs };
  for (const call of FS_CALLS) Object.assign(fs, { [call]: throwing(call, fs[call] as () => unknown) });
  return { ...real, libc: real.libc && faultyLibc(real.libc), fs };

  function faultyLibc(libc: HostLibc): HostLibc {
    const faulty = { ...libc, errorCode: () => injected ?? libc.errorCode() };
    for (const call of LIBC_CALLS) Object.assign(faulty, { [call]: failing(call, libc[call] as () => number) });
    const { linux } = libc;
    if (linux === null) return faulty;
    const calls: LinuxCalls = { ...linux };
    for (const call of LINUX_CALLS) Object.assign(calls, { [call]: failing(call, linux[call] as () => number) });
    return { ...faulty, linux: calls };
  }
}
