// The grammar of the commands that change an image: each does all that it is asked, or nothing.
import { Argument, type Command, Option } from 'commander';
import { CLEAN_POLICIES, MAX_ID } from '../limits.ts';
import type { ChattrOptions } from './chattr.ts';
import type { ChmodOptions } from './chmod.ts';
import type { ChownOptions } from './chown.ts';
import type { CleanCommandOptions } from './clean.ts';
import type { FallocateOptions } from './fallocate.ts';
import { EXPECTED_FLAGS, type FlagChange, parseFlagChange } from './flag-change.ts';
import {
  allRootOption,
  hashOption,
  holesOption,
  jsonOption,
  NAME_ON_LS,
  noXattrsOption,
  type Run,
  sourcesAndLast,
  subcommand,
  withNote,
} from './grammar.ts';
import type { LnOptions } from './ln.ts';
import type { MkdirOptions } from './mkdir.ts';
import type { MkswapOptions } from './mkswap.ts';
import { type ModeChange, parseMode } from './mode.ts';
import type { MvOptions } from './mv.ts';
import { type OwnerSpec, parseOwnerSpec } from './owner.ts';
import type { PutCommandOptions } from './put.ts';
import type { RmOptions } from './rm.ts';
import type { SetfattrOptions } from './setfattr.ts';
import { parseCount, parseLength, parseSize, parseSizeChange } from './sizes.ts';
import type { TruncateOptions } from './truncate.ts';
import { UsageError } from './usage-error.ts';
import type { VerityAction, VerityCommandOptions } from './verity.ts';
import { parseSalt } from './verity-text.ts';

const NOT_INTO = 'DEST is the name itself, though a directory of that name is there';
const ALL_OR_NOTHING = `Done wholly or not at all: after a failure, a signal or a crash the image is as it was. What does not fit beside what it
replaces is done on a copy of the image file, which then takes its place.`;

const QUIET = 'no summary, notes or progress; problems are told all the same';

/** Of what the argument parser takes for one list. */
const TO_DEST = '[options] <image> <source...> <dest>';

/** Flags may be missing where a project is given: a path has their place then. Throws UsageError. */
function flagsAndPaths(
  flags: FlagChange | string,
  paths: readonly string[],
  { project }: ChattrOptions,
): [FlagChange | null, readonly string[]] {
  if (typeof flags === 'string') {
    if (project !== undefined) return [null, [flags, ...paths]];
    throw new UsageError(`invalid flags '${flags}': ${EXPECTED_FLAGS}`);
  }
  if (paths.length === 0) throw new UsageError("missing required argument 'path'");
  return [flags, paths];
}

/** A command that takes an image first, and paths in it as ls prints them with -e. */
function change(program: Command, name: string, summary: string, ...shown: string[]): Command {
  const command = subcommand(program, name, summary, ...shown)
    .argument('<image>', 'image file or block device, not mounted')
    .option('-e, --escaped', NAME_ON_LS)
    .option('--quiet', QUIET)
    .option('--in-steps', 'with checkpoints in between, never on a copy: an interruption leaves a part of it done');
  return withNote(command, ALL_OR_NOTHING);
}

function declareNames(program: Command, run: Run): void {
  change(program, 'mkdir', 'make directories', 'mkdir disk.img /srv', 'mkdir -p -m 750 disk.img /var/lib/app/data')
    .argument('<path...>', 'new directories, owned by 0:0')
    .option('-p, --parents', 'those above too, where they are missing; one that is there is fine')
    .option('-m, --mode <mode>', 'octal, or a change of 777 such as g-w,o= (default: 755)', parseMode)
    .action((image: string, paths: string[], options: MkdirOptions) =>
      run('mkdir', async () => (await import('./mkdir.ts')).mkdir(image, paths, options)),
    );
  change(program, 'rm', 'remove files and directories', 'rm disk.img /etc/motd', 'rm -r disk.img /var/cache /tmp/x')
    .argument('<path...>', 'symlinks are removed themselves')
    .option('-r, --recursive', 'directories with all that is in them')
    .option('-d, --dir', 'directories that are empty')
    .option('-f, --force', 'what is not there is fine')
    .action((image: string, paths: string[], options: RmOptions) =>
      run('rm', async () => (await import('./rm.ts')).rm(image, paths, options)),
    );
  change(
    program,
    'mv',
    'rename and move',
    'mv disk.img /etc/fstab.new /etc/fstab',
    'mv disk.img /a /b /into',
    'mv --exchange disk.img /slot-a /slot-b',
  )
    .usage(TO_DEST)
    .argument('<paths...>', 'what is renamed; the last is the new name, or a directory to move into')
    .option('--tar', 'what is in tar archives (also .gz, .zst, .lz4), which goes into the directory DEST')
    .option('-n, --no-replace', 'fail when something of that name is there')
    .option('-T, --no-target-directory', NOT_INTO)
    .option('--exchange', 'each gets the name of the other')
    .action((image: string, paths: string[], options: MvOptions) =>
      run('mv', async () => (await import('./mv.ts')).mv(image, ...sourcesAndLast(paths, 'dest'), options)),
    );
  change(program, 'ln', 'make a link', 'ln disk.img /bin/busybox /bin/sh', 'ln -s disk.img ../usr/lib /lib')
    .argument('<target>', 'the file that gets one more name; with -s what the symlink says')
    .argument('<dest>', 'the link, or a directory for it')
    .option('-s, --symbolic', 'a symlink')
    .option('-f, --force', 'replace a file of that name')
    .option('-T, --no-target-directory', NOT_INTO)
    .action((image: string, target: string, link: string, options: LnOptions) =>
      run('ln', async () => (await import('./ln.ts')).ln(image, target, link, options)),
    );
}

function declareAttributes(program: Command, run: Run): void {
  change(program, 'chmod', 'change permissions', 'chmod disk.img 640 /etc/shadow', 'chmod -R disk.img u+rwX,go-w /srv')
    .argument(
      '<mode>',
      'as chmod(1) has it: octal, or changes such as u+rwX,go-w or +111 (-- before one that begins with a dash)',
      parseMode,
    )
    .argument('<path...>', 'symlinks are followed; below a directory they are passed over')
    .option('-R, --recursive', 'all below, too')
    .action((image: string, mode: ModeChange, paths: string[], options: ChmodOptions) =>
      run('chmod', async () => (await import('./chmod.ts')).chmod(image, mode, paths, options)),
    );
  change(program, 'chown', 'change owners', 'chown disk.img www-data:adm /srv/log', 'chown -R disk.img 0:0 /etc')
    .argument(
      '<owner>',
      "USER, USER:GROUP, USER: (with the group of the user's login) or :GROUP; names are those of /etc/passwd and /etc/group in the image",
      parseOwnerSpec,
    )
    .argument('<path...>', 'symlinks are followed, but with -R changed themselves')
    .option('-R, --recursive', 'all below, too')
    .option('-h, --no-dereference', 'symlinks themselves')
    .action((image: string, owner: OwnerSpec, paths: string[], options: ChownOptions) =>
      run('chown', async () => (await import('./chown.ts')).chown(image, owner, paths, options)),
    );
  const chattr = change(
    program,
    'chattr',
    'change flags',
    'chattr disk.img +i /etc/resolv.conf',
    'chattr -R disk.img -- -ia /var/log',
    'chattr -R -p 1000 disk.img +P /srv/project',
  );
  withNote(chattr, 'Flags to take away stand behind --: -- -i')
    .argument(
      '<flags>',
      '+i, -ia or =: a append-only, A noatime, d nodump, D dirsync, F casefold (empty directories), i immutable, P project inherited, S sync; with -p they can be left out',
      (text: string) => (/^[+=-]/.test(text) ? parseFlagChange(text) : text),
    )
    .argument('[path...]', 'files and directories; stat shows their flags and project')
    .option('-p, --project <id>', 'make them ones of this project', parseCount(0, MAX_ID))
    .option('-R, --recursive', 'all below, too')
    .action((image: string, flags: FlagChange | string, paths: string[], options: ChattrOptions) =>
      run('chattr', async () => {
        const [change, all] = flagsAndPaths(flags, paths, options);
        return (await import('./chattr.ts')).chattr(image, change, all, options);
      }),
    );
  change(
    program,
    'setfattr',
    'set or remove extended attributes',
    'setfattr -n user.origin -v build-7 disk.img /etc/issue',
    'setfattr -x security.capability disk.img /bin/ping',
    'setfattr --restore=attributes.txt disk.img',
    'setfattr --restore=- disk.img /srv < attributes.txt',
  )
    .argument('[path...]', 'symlinks are followed; with --restore the directory that the dump is of (default: /)')
    .option('-n, --name <name>', 'attribute to set, as user.x, trusted.x, security.x or system.posix_acl_access')
    .option('-v, --value <value>', 'text, 0x and hex digits, or 0s and base64 (default: empty)')
    .option('--raw', 'the value is taken as it is')
    .option('-x, --remove <name>', 'attribute to remove')
    .option('--restore <file>', 'set what a dump says, of getfattr -d here or on Linux; - for standard input')
    .option('--create', 'fail when it is there')
    .option('--replace', 'fail when it is not there')
    .option('-h, --no-dereference', 'symlinks themselves')
    .action((image: string, paths: string[], options: SetfattrOptions) =>
      run('setfattr', async () => (await import('./setfattr.ts')).setfattr(image, paths, options)),
    );
  change(
    program,
    'truncate',
    'change the size of files',
    'truncate -s 0 disk.img /var/log/messages',
    'truncate -s +1G disk.img /srv/sparse.raw',
  )
    .argument('<path...>', 'files; one that is missing is made')
    .requiredOption('-s, --size <size>', '10M; +10M or -10M: by so much', parseSizeChange)
    .option('-c, --no-create', 'make no file')
    .action((image: string, paths: string[], options: TruncateOptions) =>
      run('truncate', async () => (await import('./truncate.ts')).truncate(image, paths, options)),
    );
}

/** What gives files blocks that stay where they are. */
function declareBlocks(program: Command, run: Run): void {
  change(
    program,
    'fallocate',
    'give files blocks of zeros',
    'fallocate -l 100M disk.img /var/journal',
    'fallocate --pin -l 4M disk.img /boot/loader.bin',
    'fallocate --reserve disk.img /usr/lib/large.so',
  )
    .argument('<path...>', 'files; one that is missing is made')
    .option('-l, --length <size>', 'bytes: 10M, 1G', parseLength)
    .option('-o, --offset <size>', 'where they begin (default: 0)', parseSize)
    .option('-n, --keep-size', 'blocks past the end stay there: the file does not grow')
    .option('--pin', 'pin the file, which must be empty: its blocks are whole sections, and stay where they are')
    .option('--release', 'instead: give back what a compressed file saves; it can be read and removed, not written')
    .option('--reserve', 'instead: take that again, so that the file can be written')
    .action((image: string, paths: string[], options: FallocateOptions) =>
      run('fallocate', async () => (await import('./fallocate.ts')).fallocate(image, paths, options)),
    );
  change(
    program,
    'mkswap',
    'make a swap file',
    'mkswap --size 1G disk.img /swap',
    'mkswap --size 512M -L swap disk.img /var/swapfile',
  )
    .argument('<path>', 'new file, of mode 600; /etc/fstab then takes the line: PATH none swap sw 0 0')
    .requiredOption('-s, --size <size>', 'bytes, whole sections (2M unless formatted otherwise)', parseLength)
    .option('-L, --label <text>', 'up to 15 bytes')
    .option('-U, --uuid <uuid>', 'default: random')
    .action((image: string, path: string, options: MkswapOptions) =>
      run('mkswap', async () => (await import('./mkswap.ts')).mkswap(image, path, options)),
    );
}

function declareVerity(program: Command, run: Run): void {
  const names = ['enable', 'measure'] as const satisfies readonly VerityAction[];
  const command = subcommand(
    program,
    'verity',
    'have the contents of files verified as they are read',
    'verity enable disk.img /usr/bin/login',
    'verity measure disk.img /usr/bin/login',
  )
    .addArgument(
      new Argument(
        '<action>',
        'enable it, for ever: the file can still be renamed and removed; or print its digest',
      ).choices(names),
    )
    .argument('<image>', 'image file or block device, not mounted, made with -O default,verity')
    .argument('<path...>', 'files; symlinks are followed')
    .addOption(hashOption('--hash-alg'))
    .option(
      '--block-size <size>',
      'bytes that are hashed together, 1K to a block of the volume (default: 4K)',
      parseSize,
    )
    .option('--salt <hex>', 'up to 32 bytes that go before each block', parseSalt)
    .option('-e, --escaped', NAME_ON_LS)
    .option('--quiet', QUIET)
    .option('--in-steps', 'with checkpoints in between, never on a copy: an interruption leaves a part of it done')
    .action((action: VerityAction, image: string, paths: string[], options: VerityCommandOptions) =>
      run('verity', async () => (await import('./verity.ts')).verity(action, image, paths, options)),
    );
  withNote(command, 'Linux finds the same digest: fsverity measure, and fsverity digest for a file anywhere.');
}

function declarePut(program: Command, run: Run): void {
  const put = change(
    program,
    'put',
    'copy files and directories into an image',
    'put disk.img hosts /etc',
    'put disk.img overlay/. /',
    'put disk.img - /etc/issue < issue',
    'put --tar disk.img layer.tar.gz /',
  );
  withNote(
    put,
    'The directory that dir/. goes to, be it /, gets the owner, mode, times and attributes of dir, as with cp -a.',
  )
    .usage(TO_DEST)
    .argument(
      '<paths...>',
      'files and directories of the host, dir/. for what is in it, - for standard input; the last is the new name in the image, or a directory to put into',
    )
    .option('--tar', 'what is in tar archives (also .gz, .zst, .lz4), which goes into the directory DEST')
    .option('-n, --no-replace', 'fail when a file is there; else it is replaced. Directories are always added to')
    .option('-T, --no-target-directory', NOT_INTO)
    .addOption(holesOption())
    .addOption(allRootOption())
    .addOption(noXattrsOption())
    .addOption(jsonOption())
    .action((image: string, paths: string[], options: PutCommandOptions) =>
      run('put', async () => (await import('./put.ts')).put(image, ...sourcesAndLast(paths, 'dest'), options)),
    );
}

function declareClean(program: Command, run: Run): void {
  subcommand(
    program,
    'clean',
    'make sections free that are used in part',
    'clean disk.img',
    'clean disk.img --sections 20',
  )
    .argument('<image>', 'image file or block device, not mounted')
    .option('--sections <n>', 'sections to empty at most', parseCount(1), 1)
    .addOption(
      new Option('--policy <name>', 'which come first: those with the least in use, or old ones too')
        .choices(CLEAN_POLICIES)
        .default('greedy'),
    )
    .option('--quiet', QUIET)
    .addOption(jsonOption())
    .action((image: string, options: CleanCommandOptions) =>
      run('clean', async () => (await import('./clean.ts')).clean(image, options)),
    );
}

export function declareChanges(program: Command, run: Run): void {
  declarePut(program, run);
  declareNames(program, run);
  declareAttributes(program, run);
  declareBlocks(program, run);
  declareVerity(program, run);
  declareClean(program, run);
}
