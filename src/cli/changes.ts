// The grammar of the commands that change an image: each does all that it is asked, or nothing.
import type { Command } from 'commander';
import type { ChmodOptions } from './chmod.ts';
import { type ChownOptions, type OwnerChange, parseOwnerChange } from './chown.ts';
import { UsageError } from './errors.ts';
import { jsonOption, NAME_ON_LS, type Run, subcommand } from './grammar.ts';
import type { LnOptions } from './ln.ts';
import type { MkdirOptions } from './mkdir.ts';
import { type ModeChange, parseMode } from './mode.ts';
import type { PutCommandOptions } from './put.ts';
import { parseSizeChange, type TruncateOptions } from './truncate.ts';

const NOT_INTO = 'DEST is the name itself, though a directory of that name is there';
const ALL_OR_NOTHING = `
Done wholly or not at all: after a failure, a signal or a crash the image is as it was.`;

/** Of what the argument parser takes for one list. */
const TO_DEST = '[options] <image> <source...> <dest>';

/** Throws UsageError. */
function sourcesAndDestination(paths: readonly string[]): [string[], string] {
  const dest = paths.at(-1);
  if (dest === undefined || paths.length < 2) throw new UsageError("missing required argument 'dest'");
  return [paths.slice(0, -1), dest];
}

/** A command that takes an image first, and paths in it as ls prints them with -e. */
function change(program: Command, name: string, summary: string, ...shown: string[]): Command {
  return subcommand(program, name, summary, ...shown)
    .argument('<image>', 'image file or block device, not mounted')
    .option('-e, --escaped', NAME_ON_LS)
    .addHelpText('after', ALL_OR_NOTHING);
}

function declareNames(program: Command, run: Run): void {
  change(program, 'mkdir', 'make directories', 'mkdir disk.img /srv', 'mkdir -p -m 750 disk.img /var/lib/app/data')
    .argument('<path...>', 'new directories, owned by 0:0')
    .option('-p, --parents', 'those above too, where they are missing; one that is there is fine')
    .option('-m, --mode <mode>', 'octal, or a change of 777 such as g-w,o= (default: 755)', parseMode)
    .action((image: string, paths: string[], options: MkdirOptions) =>
      run('mkdir', async () => (await import('./mkdir.ts')).mkdir(image, paths, options)),
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
    .argument('<mode>', 'octal, or changes such as u+rwX,go-w (-- before one that begins with a dash)', parseMode)
    .argument('<path...>', 'symlinks are followed; below a directory they are passed over')
    .option('-R, --recursive', 'all below, too')
    .action((image: string, mode: ModeChange, paths: string[], options: ChmodOptions) =>
      run('chmod', async () => (await import('./chmod.ts')).chmod(image, mode, paths, options)),
    );
  change(program, 'chown', 'change owners', 'chown disk.img 1000:100 /home/me', 'chown -R disk.img 0:0 /etc')
    .argument('<owner>', 'numbers: uid, uid:gid or :gid', parseOwnerChange)
    .argument('<path...>', 'symlinks are followed, but with -R changed themselves')
    .option('-R, --recursive', 'all below, too')
    .option('--no-dereference', 'symlinks themselves')
    .action((image: string, owner: OwnerChange, paths: string[], options: ChownOptions) =>
      run('chown', async () => (await import('./chown.ts')).chown(image, owner, paths, options)),
    );
  change(
    program,
    'truncate',
    'change the size of files',
    'truncate -s 0 disk.img /var/log/messages',
    'truncate -s +1G disk.img /swap',
  )
    .argument('<path...>', 'files; one that is missing is made')
    .requiredOption('-s, --size <size>', '10M; +10M or -10M: by so much', parseSizeChange)
    .option('-c, --no-create', 'make no file')
    .action((image: string, paths: string[], options: TruncateOptions) =>
      run('truncate', async () => (await import('./truncate.ts')).truncate(image, paths, options)),
    );
}

function declarePut(program: Command, run: Run): void {
  change(
    program,
    'put',
    'copy files and directories into an image',
    'put disk.img hosts /etc',
    'put disk.img overlay/. /',
    'put disk.img - /etc/issue < issue',
  )
    .usage(TO_DEST)
    .argument(
      '<paths...>',
      'files and directories of the host, dir/. for what is in it, - for standard input; the last is the new name in the image, or a directory to put into',
    )
    .option('-n, --no-replace', 'fail when a file is there; else it is replaced. Directories are always added to')
    .option('-T, --no-target-directory', NOT_INTO)
    .option('--quiet', 'no summary, notes or progress; problems are told all the same')
    .addOption(jsonOption())
    .action((image: string, paths: string[], options: PutCommandOptions) =>
      run('put', async () => (await import('./put.ts')).put(image, ...sourcesAndDestination(paths), options)),
    );
}

export function declareChanges(program: Command, run: Run): void {
  declarePut(program, run);
  declareNames(program, run);
  declareAttributes(program, run);
}
