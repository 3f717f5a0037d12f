// What a benchmark ran on: figures mean little without it.
import * as fs from 'node:fs';
import * as os from 'node:os';
import { ask, isInstalled, method } from './measure.ts';

/** Magic numbers of statfs. Source: linux/magic.h. */
const FILE_SYSTEMS = new Map([
  [0xef53, 'ext2/3/4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs'],
  [0xf2f52010, 'f2fs'],
  [0x794c7630, 'overlay'],
  [0x2fc12fc1, 'zfs'],
  [0x6969, 'nfs'],
  [0x01021997, '9p'],
]);

/** How to ask a peer for its version. */
const VERSIONS: readonly (readonly [string, string])[] = [
  ['tar', '--version'],
  ['cp', '--version'],
  ['mke2fs', '-V'],
  ['mkfs.erofs', '--version'],
  ['mkfs.f2fs', '-V'],
  ['mksquashfs', '-version'],
  ['lz4', '--version'],
];

export interface Machine {
  cpu: string;
  cores: number;
  memoryBytes: number;
  kernel: string;
  node: string;
  /** Of the directory that the images are in. */
  fileSystem: string;
  freeBytes: number;
  /** Runnable processes over the last minute, before the benchmark began. */
  load: number;
  method: string;
  /** What each peer says of itself; null for one that is not installed. */
  peers: Record<string, string | null>;
}

export function machineOf(directory: string): Machine {
  const { type, bavail, bsize } = fs.statfsSync(directory);
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    fileSystem: FILE_SYSTEMS.get(type) ?? `type 0x${type.toString(16)}`,
    freeBytes: bavail * bsize,
    load: os.loadavg()[0],
    method: method(),
    peers: Object.fromEntries(
      VERSIONS.map(([program, option]) => [program, isInstalled(program) ? versionOf(program, option) : null]),
    ),
  };
}

function versionOf(program: string, option: string): string | null {
  return ask(program, option)?.trim().split('\n')[0] ?? null;
}

/** Lines for people. */
export function machineText(machine: Machine): string {
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const peers = Object.entries(machine.peers).map(([name, version]) => version ?? `${name} not installed`);
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${gib(machine.memoryBytes)}; ${machine.kernel}; node ${machine.node}`,
    `images on ${machine.fileSystem}, ${gib(machine.freeBytes)} free; ${machine.method}`,
    `peers: ${peers.join('; ')}`,
  ];
  if (machine.load > machine.cores / 4) {
    lines.push(
      `the machine was not quiet: load ${machine.load.toFixed(1)} before the first run; ratios hold better than times`,
    );
  }
  return lines.join('\n');
}
