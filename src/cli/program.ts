// The grammar of the command line. What a command does is loaded when it runs, so that help and small commands start fast.
import { readFileSync } from 'node:fs';
import { Argument, Command, CommanderError, Option } from 'commander';
import { WORKLOAD_NAMES } from '../bench/workload-names.ts';
import { ENGINES, MAX_QUEUE_DEPTH, MAX_WORKERS } from '../limits.ts';
import { refuseEmpty, refuseUndecodable } from './arguments.ts';
import type { BenchCommandOptions } from './bench.ts';
import { blockSizeOption, forOption } from './block-size.ts';
import type { BuildCommandOptions } from './build.ts';
import type { CatOptions } from './cat.ts';
import { declareChanges } from './changes.ts';
import type { ExtractCommandOptions } from './extract.ts';
import type { GetfattrOptions } from './getfattr.ts';
import {
  addFeatures,
  allRootOption,
  encodingOption,
  featuresOption,
  hashOption,
  holesOption,
  jsonOption,
  NAME_ON_LS,
  noRecoveryOption,
  noXattrsOption,
  type Run,
  SHELLS,
  type Shell,
  sourcesAndLast,
  subcommand,
  withExamples,
} from './grammar.ts';
import type { InfoOptions } from './info.ts';
import type { LsOptions } from './ls.ts';
import type { MkfsOptions } from './mkfs.ts';
import {
  parseChoices,
  parseCluster,
  parseCount,
  parseList,
  parseOwner,
  parsePercent,
  parseSize,
  parseSizeOrAuto,
} from './sizes.ts';
import type { StatOptions } from './stat.ts';
import { parseSalt } from './verity-text.ts';
import { XATTR_ENCODINGS } from './xattr-text.ts';

/** Exit codes and what they mean. */
export const EXIT_CODES: readonly (readonly [string, string])[] = [
  ['0', 'done'],
  ['1', 'something failed, or was not done in full; stderr says what'],
  ['2', 'the command was called in the wrong way'],
  ['70', 'a bug in this program; F2FS_DEBUG=1 shows where'],
  ['129, 130, 143', 'ended by SIGHUP, SIGINT, SIGTERM'],
  ['141', 'the reader of standard output went away'],
];

/** Variables of the environment that count. */
export const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['SOURCE_DATE_EPOCH', 'seconds since 1970 that build stamps everything with'],
  ['F2FS_DEBUG', '1 shows the stack of every failure'],
  ['F2FS_NO_KOFFI', '1 does without the package koffi'],
];

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return `\n${title}:\n${rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}\n`).join('')}`.trimEnd();
}

/** Version of the package. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** A size in bytes, with a default that is shown as it would be typed. */
function sizeOption(flags: string, description: string, byDefault: string): Option {
  return new Option(flags, description).argParser(parseSize).default(parseSize(byDefault), byDefault);
}

function declareMkfs(program: Command, run: Run): void {
  subcommand(program, 'mkfs', 'make an empty volume', 'mkfs disk.img --size 1G --label data', 'mkfs /dev/sdb1 --force')
    .argument('<image>', 'image file or block device')
    .option('--size <size>', 'size of a new image: 512M, 1G; default: that of the file or device', parseSize)
    .addOption(blockSizeOption())
    .addOption(forOption())
    .option('--label <text>', 'name of the volume, up to 511 characters')
    .option('--uuid <uuid>', 'default: random')
    .addOption(featuresOption())
    .addOption(encodingOption())
    .option('--force', 'format what is not empty')
    .option('--segs-per-sec <n>', 'segments in a section', parseCount(1))
    .option('--secs-per-zone <n>', 'sections in a zone', parseCount(1))
    .option('--overprovision <percent>', 'kept from files, for cleaning; default: what leaves the most', parsePercent)
    .addOption(coldOption())
    .addOption(hotOption())
    .option('--root-owner <uid:gid>', 'owner of the root directory; default: 0:0', parseOwner)
    .addOption(jsonOption())
    .action((image: string, options: MkfsOptions) =>
      run('mkfs', async () => (await import('./mkfs.ts')).mkfs(image, options)),
    );
}

function coldOption(): Option {
  const description = 'extensions of files that are seldom changed, besides those of media and archives';
  return new Option('-e, --cold-ext <list>', description).argParser(parseList);
}

function hotOption(): Option {
  const description = 'extensions of files that change often, besides those of databases and disks';
  return new Option('-E, --hot-ext <list>', description).argParser(parseList);
}

/** Parsers that add to what was given before. */
const LISTS = new Set<unknown>([addText, addFeatures, parseList]);

/** One more, commas and all: a pattern may have them in its braces. */
function addText(text: string, before: string[] = []): string[] {
  return [...before, text];
}

/** Its name begins with "no", but it is no negation, which commander would take it for. */
function excludedExtensions(): Option {
  const option = new Option('--no-compress-ext <list>', 'not the files with one of these extensions');
  option.negate = false;
  return option.argParser(parseList);
}

function declareBuild(program: Command, run: Run): void {
  subcommand(
    program,
    'build',
    'make an image from a directory, or from tar archives',
    'build rootfs disk.img',
    'build rootfs.tar.gz disk.img',
    'docker export box | f2fs build - disk.img',
    'build rootfs disk.img --size 2G --label data',
    'build rootfs disk.img --free 64M --force',
    'build rootfs disk.img --compress zstd:3 --cluster 64K --no-compress-ext jpg,zip',
  )
    .usage('[options] <source...> <image>')
    .argument(
      '<source...>',
      'a directory, or tar archives (also .gz, .zst, .lz4; - for standard input), each applied on those before it; the last is the image file or block device',
    )
    .option('--oci-whiteouts', 'of layers of a container: names that begin with .wh. remove what earlier archives have')
    .option('--size <size>', '2G, or auto: the least that holds it (the default for files)', parseSizeOrAuto)
    .option('--free <size>', 'bytes to leave free for files, with auto', parseSize)
    .option('--tight', 'the least size of all, with auto: resize.f2fs could not grow such an image')
    .addOption(blockSizeOption())
    .addOption(forOption())
    .option('--uuid <uuid>', 'default: random')
    .option('--label <text>', 'name of the volume, up to 511 characters')
    .addOption(featuresOption())
    .addOption(encodingOption())
    .option(
      '--casefold <pattern>',
      "directories whose path fits, as 'media', fold case, and all below them; may be given again",
      addText,
    )
    .addOption(coldOption())
    .addOption(hotOption())
    .addOption(allRootOption())
    .addOption(noXattrsOption())
    .option(
      '--immutable <pattern>',
      'files that get the flag immutable, as usr/lib/**; may be given again. Linux 7.0 and newer reads them in larger pieces',
      addText,
    )
    .option('--force', 'replace an image that exists, or what a device holds')
    .addOption(holesOption())
    .option('--compress <algorithm[:level]>', 'lz4, lz4:3 to lz4:16, zstd:1 to zstd:22, lzo or lzo-rle')
    .option('--cluster <size>', 'bytes that are compressed together: 4 to 256 blocks (default: 64K)', parseSize)
    .option('--compress-ext <list>', 'only files with one of these extensions, or that --compress-glob has', parseList)
    .option(
      '--compress-glob <pattern>',
      "only files whose path fits, as 'usr/**', or that --compress-ext has; may be given again",
      addText,
    )
    .addOption(excludedExtensions())
    .option('--compress-checksum', 'clusters get a checksum')
    .option('--release', 'give back what compression saves: a smaller image, whose compressed files stay as they are')
    .option('--read-only', 'an image that nobody ever writes, Linux neither: smaller, with the feature ro')
    .option(
      '--verity <pattern>',
      'files that Linux verifies as it reads them, and that never change, as usr/bin/*; may be given again',
      addText,
    )
    .addOption(hashOption('--verity-hash'))
    .option(
      '--verity-block <size>',
      'bytes that are hashed together, 1K to a block of the volume (default: 4K)',
      parseSize,
    )
    .option('--verity-salt <hex>', 'up to 32 bytes that go before each block', parseSalt)
    .option('--workers <n>', 'threads that compress (default: one for each core)', parseCount(0, MAX_WORKERS))
    .addOption(
      new Option('--engine <name>', 'by way of the page cache, and which engine writes its dirty pages').choices(
        ENGINES,
      ),
    )
    .option('--quiet', 'no summary, notes or progress; problems are told all the same')
    .addOption(jsonOption())
    .action((paths: string[], options: BuildCommandOptions) =>
      run('build', async () => (await import('./build.ts')).build(...sourcesAndLast(paths, 'image'), options)),
    );
}

function declareReaders(program: Command, run: Run): void {
  subcommand(program, 'ls', 'list a directory', 'ls disk.img', 'ls -l disk.img /etc', 'ls -laR --json disk.img')
    .argument('<image>', 'image file, gzipped or not, or block device')
    .argument('[path]', 'directory or file in it', '/')
    .option('-l, --long', 'mode, links, owner, size, time and the target of symlinks')
    .option('-R, --recursive', 'all directories below, too')
    .option('-a, --all', 'names that begin with a dot, too')
    .option('-e, --escaped', NAME_ON_LS)
    .addOption(noRecoveryOption())
    .addOption(jsonOption())
    .action((image: string, path: string, options: LsOptions) =>
      run('ls', async () => (await import('./ls.ts')).ls(image, path, options)),
    );
  subcommand(
    program,
    'stat',
    'show all that is known of an entry',
    'stat disk.img /etc/passwd',
    'stat --json disk.img /',
  )
    .argument('<image>', 'image file, gzipped or not, or block device')
    .argument('<path>', 'file or directory in it')
    .option('-L, --follow', 'of a symlink, show what it leads to')
    .option('-e, --escaped', NAME_ON_LS)
    .addOption(noRecoveryOption())
    .addOption(jsonOption())
    .action((image: string, path: string, options: StatOptions) =>
      run('stat', async () => (await import('./stat.ts')).stat(image, path, options)),
    );
  subcommand(program, 'cat', 'print the contents of files', 'cat disk.img /etc/passwd', 'cat disk.img /a.tar | tar t')
    .argument('<image>', 'image file, gzipped or not, or block device')
    .argument('<path...>', 'files in it')
    .option('-e, --escaped', NAME_ON_LS)
    .addOption(noRecoveryOption())
    .action((image: string, paths: string[], options: CatOptions) =>
      run('cat', async () => (await import('./cat.ts')).cat(image, paths, options)),
    );
  declareGetfattr(program, run);
  subcommand(program, 'info', 'show superblock and checkpoint', 'info disk.img', 'info --json /dev/sdb1')
    .argument('<image>', 'image file, gzipped or not, or block device')
    .addOption(jsonOption())
    .action((image: string, options: InfoOptions) =>
      run('info', async () => (await import('./info.ts')).info(image, options)),
    );
}

function declareGetfattr(program: Command, run: Run): void {
  subcommand(
    program,
    'getfattr',
    'show extended attributes',
    'getfattr -d disk.img /etc/issue',
    'getfattr -n security.capability -e hex disk.img /bin/ping',
    'getfattr -R -d -m - disk.img / > attributes.txt',
  )
    .argument('<image>', 'image file, gzipped or not, or block device')
    .argument('<path...>', 'files in it; symlinks are followed')
    .option(
      '-n, --name <name>',
      'this attribute, with its value; may be given again. With -R where it is there',
      addText,
    )
    .option('-d, --dump', 'values too, in a form that setfattr --restore takes, here or on Linux')
    .option('-m, --match <pattern>', "names that fit an extended regular expression, - for all (default: '^user\\.')")
    .option('-R, --recursive', 'all below, too')
    .addOption(
      new Option('-e, --encoding <how>', 'of values (default: text where it is readable, else base64)').choices(
        XATTR_ENCODINGS,
      ),
    )
    .option('--only-values', 'values alone, as they are, with nothing in between')
    .option('--absolute-names', 'paths keep their leading slash')
    .option('-h, --no-dereference', 'symlinks themselves')
    .option('--escaped', NAME_ON_LS)
    .addOption(noRecoveryOption())
    .action((image: string, paths: string[], options: GetfattrOptions) =>
      run('getfattr', async () => (await import('./getfattr.ts')).getfattr(image, paths, options)),
    );
}

function declareExtract(program: Command, run: Run): void {
  subcommand(
    program,
    'extract',
    'copy a volume, or a part of it, to a directory or a tar archive',
    'extract disk.img out',
    'extract disk.img out /etc',
    'extract --no-owner disk.img out',
    'extract disk.img --tar - /etc | tar t',
  )
    .usage('[options] <image> <dir> [path]\n       f2fs extract [options] --tar <file> <image> [path]')
    .argument('<image>', 'image file, gzipped or not, or block device')
    .argument('[dir]', 'new or empty directory; none with --tar')
    .argument('[path]', 'directory whose contents to copy, or a single file (default: /)')
    .option('--tar <file>', 'write a tar archive, - for standard output')
    .option('--force', 'add to a directory that is not empty, and to those in it; no file is replaced but by --tar')
    .option('--no-owner', 'leave owners, which only root can restore, and set-id bits')
    .addOption(noXattrsOption())
    .addOption(holesOption())
    .option('-e, --escaped', NAME_ON_LS)
    .addOption(noRecoveryOption())
    .option('--quiet', 'no summary or progress; problems are told all the same')
    .addOption(jsonOption())
    .action((image: string, dir: string | undefined, path: string | undefined, options: ExtractCommandOptions) =>
      run('extract', async () => (await import('./extract.ts')).extract(image, dir, path, options)),
    );
}

function declareBench(program: Command, run: Run): void {
  subcommand(
    program,
    'bench',
    'measure workloads on a new volume',
    'bench new.img',
    'bench new.img --workloads seq-write,rand-write --size 1G --repeat 5 --rm',
    'bench new.img --engine both --compress none,lz4 --svg engines.svg',
    'bench /dev/sdb1 --force --direct --json',
  )
    .argument('<target>', 'new image file, or block device: formatted, what it held is lost')
    .option(
      '--workloads <names>',
      `some of ${WORKLOAD_NAMES.join(',')}; default: all but recovery and nearly-full`,
      parseChoices(WORKLOAD_NAMES),
    )
    .addOption(
      new Option('--engine <name>', 'what writes pages back').choices(['folios', 'pages', 'both']).default('folios'),
    )
    .addOption(sizeOption('--size <size>', 'of the file that is written and read', '256M'))
    .addOption(sizeOption('--block <size>', 'of a random write, and of an append', '4K'))
    .option('--writes <n>', 'random writes; default: a quarter of the file', parseCount(1))
    .option('--appends <n>', 'appends, each with an fsync', parseCount(1), 200)
    .option('--files <n>', 'small files, and files that are recovered', parseCount(1), 10_000)
    .addOption(
      new Option('--compress <codecs>', 'some of none, lz4, lz4:9, zstd:3, lzo, lzo-rle, with commas').default(
        'none,lz4',
      ),
    )
    .addOption(sizeOption('--cluster <size>', 'of a compressed cluster', '64K').argParser(parseCluster))
    .option('--workers <n>', 'threads that compress (default: 0: the one that writes)', parseCount(0, MAX_WORKERS))
    .option('--folio <pages>', 'pages of the largest folio (default: 512; for the engine pages 1)', parseCount(1))
    .option('--queue <n>', 'large writes under way at most; 0: no writing thread', parseCount(0, MAX_QUEUE_DEPTH))
    .option('--cache <size>', 'of the page cache', parseSize)
    .option('--direct', "around the host's page cache")
    .option('--repeat <n>', 'runs of each', parseCount(1), 3)
    .option('--svg <file>', 'draw a chart')
    .option('--force', 'format what is not empty, replace an image or a chart that exists')
    .option('--rm', 'remove the image file afterwards')
    .option('--quiet', 'no notes or progress')
    .addOption(jsonOption())
    .action((target: string, options: BenchCommandOptions, command: Command) =>
      run('bench', async () => {
        const given = Object.keys(options).filter((name) => command.getOptionValueSource(name) === 'cli');
        return (await import('./bench.ts')).bench(target, options, given);
      }),
    );
}

function declareCompletion(program: Command, run: Run): void {
  subcommand(program, 'completion', 'print what makes a shell complete this command', 'completion bash')
    .addArgument(new Argument('<shell>', 'where it goes stands in its first lines').choices(SHELLS))
    .action((shell: Shell) =>
      run('completion', async () => (await import('./completion.ts')).completion(shell, program)),
    );
}

/** The whole command. Parsing throws commander's errors; it prints help and version itself. */
export function makeProgram(run: Run): Command {
  let called: Command | null = null;
  const checked: Run = (command, work) =>
    run(command, async () => {
      if (called !== null) {
        refuseEmpty(called.args);
        refuseUndecodable(called);
      }
      return await work();
    });
  const program = new Command('f2fs')
    .description('Makes, fills, reads and changes F2FS images, without root and without mounting.')
    .addHelpText('after', section('Exit codes', EXIT_CODES))
    .addHelpText('after', section('Environment', ENVIRONMENT))
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .hook('preAction', (_, command) => {
      called = command;
    })
    .option('-V, --version', 'print the version')
    .on('option:version', () => {
      process.stdout.write(`${packageVersion()}\n`);
      // The process ends when that is written, or with what became of it.
      throw new CommanderError(0, 'commander.version', '');
    });
  withExamples(
    program,
    'build rootfs disk.img',
    'ls -l disk.img /',
    'put disk.img hosts /etc',
    'mkfs empty.img --size 1G',
  );
  declareMkfs(program, checked);
  declareBuild(program, checked);
  declareReaders(program, checked);
  declareExtract(program, checked);
  declareChanges(program, checked);
  declareBench(program, checked);
  declareCompletion(program, checked);
  for (const command of program.commands) refuseRepeated(command);
  return program;
}

/** An option that takes one value is an error when it is given again: the last would win without a word. */
function refuseRepeated(command: Command): void {
  for (const option of command.options) {
    const isList = option.variadic || LISTS.has(option.parseArg);
    if (isList || !(option.required || option.optional)) continue;
    let times = 0;
    command.on(`option:${option.name()}`, () => {
      if (++times > 1) command.error(`error: option '${option.flags}' takes one value, and is given twice`);
    });
  }
}
