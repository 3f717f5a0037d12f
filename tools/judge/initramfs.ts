// The root of the QEMU guest: busybox, the kernel's modules for F2FS and its devices, and the host's GNU tools with
// their libraries, or the same ones of the guest's architecture, so that listings have the same form everywhere. Built
// once and kept in the cache.

import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { runJob } from './guest.js';
import { peersDir, type UnpackedKernel } from './paths.js';
import { runOrThrow } from './run.js';

/** In order of loading; what they depend on comes along. */
const modules = [
  'virtio_pci',
  'virtio_blk',
  '9p',
  '9pnet_virtio',
  'lz4',
  'lz4hc',
  'zstd',
  'crc32c_generic',
  'crc32_generic',
  'quota_v2',
  'f2fs',
];

/** GNU and other programs that guests may call; the rest is busybox. Missing ones are left out. */
const tools = [
  ...[
    'sh',
    'find',
    'xargs',
    'sha1sum',
    'sha256sum',
    'stat',
    'cmp',
    'cp',
    'dd',
    'head',
    'touch',
    'truncate',
    'mknod',
    'ln',
    'tar',
  ],
  ...['perl', 'getfattr', 'setfattr', 'getfacl', 'setfacl', 'chattr', 'lsattr', 'fallocate', 'sync', 'nproc'],
  ...['mkfs.f2fs', 'sload.f2fs', 'fsck.f2fs', 'f2fs_io'],
];

/** Programs that tools/setup.sh --bench built, by paths below its cache: in guests they are in /tools/peers. */
const peers = ['sload.f2fs'];

const init = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/tools:/bin HOME=/ LC_ALL=C SHARE=/share
# Debian's busybox runs its own applets before it looks at PATH: jobs run in the host's sh, which does not.
export JOB_SHELL=/tools/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
for module in /modules/*.ko; do insmod $module; done
dmesg -n 1
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288 share /share
if mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,ro,cache=loose host /host 2> /dev/null; then
  # What is mounted on /mnt later is there, too.
  mount -t tmpfs tmpfs /mnt && mount --make-shared /mnt && mount --bind /mnt /host/mnt
  for name in proc dev tmp; do mount --bind /$name /host/$name; done
fi
i=0
for first in '' a b c; do
  for letter in a b c d e f g h i j k l m n o p q r s t u v w x y z; do
    [ -e /dev/vd$first$letter ] && export DEV$i=/dev/vd$first$letter
    i=$((i + 1))
  done
done
${runJob}
umount /share
# -n: without a sync.
grep -qw cutoff /proc/cmdline && poweroff -n -f
sync
poweroff -f
`;

/** The most images that one guest can have: 8 to a PCI slot, and the letters above. */
export const maxDrives = 96;

/**
 * The path of an initramfs for that kernel, built when there is none of this recipe yet (2 s).
 * Rejects when busybox, kmod or cpio is missing.
 */
export async function initramfs(kernel: UnpackedKernel): Promise<string> {
  const recipe = createHash('sha256')
    .update(JSON.stringify([kernel.version, modules, tools, builtPeers(), init, 4]))
    .digest('hex')
    .slice(0, 16);
  const path = join(kernel.dir, `initramfs-${recipe}.cpio`);
  if (existsSync(path)) return path;
  // Several judges may build it at once: each in a folder of its own, and the last rename wins.
  const tree = join(kernel.dir, `initramfs-${process.pid}.tree`);
  rmSync(tree, { recursive: true, force: true });
  try {
    for (const name of 'bin tools modules proc sys dev tmp share host mnt etc root'.split(' ')) {
      mkdirSync(join(tree, name), { recursive: true });
    }
    writeFileSync(join(tree, 'init'), init, { mode: 0o755 });
    writeFileSync(join(tree, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
    writeFileSync(join(tree, 'etc/group'), 'root:x:0:\n');
    await copyModules(kernel, join(tree, 'modules'));
    if (kernel.root === undefined) await copyTools(tree);
    else copyForeignTools(kernel.root, tree);
    // xargs and scripts look for a shell here; busybox --install makes the link only after init has begun.
    if (!existsSync(join(tree, 'bin/sh'))) symlinkSync('busybox', join(tree, 'bin/sh'));
    await runOrThrow('sh', ['-c', `find . | cpio --quiet -o -H newc -R 0:0 > ${basename(tree)}.cpio`], { cwd: tree });
    for (const name of readdirSync(kernel.dir)) {
      if (/^initramfs-[0-9a-f]{16}\.cpio$/.test(name)) rmSync(join(kernel.dir, name), { force: true });
    }
    renameSync(join(tree, `${basename(tree)}.cpio`), path);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
  return path;
}

/** The peers that are there, as absolute paths. */
function builtPeers(): string[] {
  return peers.map((name) => join(peersDir, name)).filter((path) => existsSync(path));
}

async function which(program: string): Promise<string> {
  return (await runOrThrow('sh', ['-c', `command -v ${program}`])).toString().trim();
}

async function copyModules(kernel: UnpackedKernel, into: string): Promise<void> {
  const copied = new Set<string>();
  for (const module of modules) {
    const args = ['-d', kernel.dir, '-S', kernel.version, '--show-depends', module];
    // A newer kernel has some of these built in or under another name (crc32 in 6.15 and later): those fail here.
    const said = await runOrThrow('modprobe', args).catch(() => Buffer.from(''));
    for (const line of said.toString().split('\n')) {
      const source = /^insmod (\S+)/.exec(line)?.[1];
      if (source === undefined || copied.has(source)) continue;
      copied.add(source);
      const name = `${String(copied.size).padStart(2, '0')}-${basename(source).replace(/\.(xz|zst|gz)$/, '')}`;
      writeFileSync(join(into, name), await unpacked(source));
    }
  }
  if (![...copied].some((source) => source.includes('/f2fs.ko'))) {
    throw new Error(`kernel ${kernel.version} has no f2fs module below ${kernel.dir}`);
  }
}

async function unpacked(module: string): Promise<Buffer> {
  if (module.endsWith('.xz')) return runOrThrow('xz', ['-dc', module]);
  if (module.endsWith('.zst')) return runOrThrow('zstd', ['-dc', module]);
  if (module.endsWith('.gz')) return runOrThrow('gzip', ['-dc', module]);
  return readFileSync(module);
}

async function copyTools(tree: string): Promise<void> {
  copyFileSync(await which('busybox'), join(tree, 'bin/busybox'));
  mkdirSync(join(tree, 'tools/peers'));
  const found: { source: string; target: string }[] = [];
  for (const tool of tools) {
    const source = await which(tool).catch(() => '');
    if (source !== '') found.push({ source, target: join(tree, 'tools', tool) });
  }
  for (const source of builtPeers()) found.push({ source, target: join(tree, 'tools/peers', basename(source)) });
  for (const { source, target } of found) {
    copyFileSync(realpathSync(source), target);
    chmodSync(target, 0o755);
    const libraries = await runOrThrow('ldd', [source]).catch(() => Buffer.from(''));
    for (const match of libraries.toString().matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)) {
      const place = join(tree, match[1]);
      if (existsSync(place)) continue;
      mkdirSync(dirname(place), { recursive: true });
      copyFileSync(realpathSync(match[1]), place);
      chmodSync(place, 0o755);
    }
  }
}

/** The folders of shared libraries, and those in them. */
const libraryPath = /^(usr\/)?lib(64)?(\/[^/]*-linux-gnu)?(\/[^/]*\.so[^/]*)?$/;

/** Those in a folder with programs of another architecture, where this machine's loader is of no use: all libraries come along. */
function copyForeignTools(root: string, tree: string): void {
  const find = (program: string) =>
    ['usr/bin', 'bin', 'usr/sbin', 'sbin']
      .map((folder) => join(root, folder, program))
      .find((path) => existsSync(path));
  const busybox = find('busybox');
  if (busybox === undefined) throw new Error(`no busybox below ${root}`);
  copyFileSync(busybox, join(tree, 'bin/busybox'));
  for (const tool of tools) {
    const source = find(tool);
    if (source !== undefined) copyFileSync(source, join(tree, 'tools', tool));
  }
  mkdirSync(join(tree, 'usr'));
  for (const folder of ['lib64', 'lib', 'usr/lib64', 'usr/lib'].filter((name) => existsSync(join(root, name)))) {
    cpSync(join(root, folder), join(tree, folder), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => libraryPath.test(relative(root, source)),
    });
  }
}
