// Mistakes at the command line, and what they are told: what was wrong, with the value, and what is expected; no word of the inside.
import * as fs from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { COMMAND_WORDS } from '../../src/cli/command-words.ts';
import { imageDirectory } from '../device/temporary.ts';
import { expectPlain } from '../messages.ts';
import { f2fs, makeImage } from './command.ts';
import { f2fsHere } from './in-process.ts';

const temporary = imageDirectory();
const image = temporary.file('disk.img');
const source = temporary.file('source');
const fresh = temporary.file('fresh.img');
beforeAll(() => {
  makeImage(image, (volume) => {
    volume.mkdir('/dir');
    volume.writeFile('/file', 'contents');
    volume.symlink('file', '/link');
    volume.writeFile('/fixed', '');
    volume.open('/fixed').setFlags(['immutable']);
  });
  fs.mkdirSync(source);
  fs.writeFileSync(`${source}/file`, 'contents');
});
afterAll(() => temporary.remove());

const HINT = 'or K, M, G or T of 1024 each, as in 512M or 1.5GiB';

const mistakes: [args: string[], said: string][] = [
  [
    ['mkfs', fresh, '--size', '2GB'],
    `invalid --size '2GB': expected bytes, ${HINT}; did you mean 2GiB? (see f2fs mkfs --help)`,
  ],
  [
    ['mkfs', fresh, '--size', '1.5 gb'],
    `invalid --size '1.5 gb': expected bytes, ${HINT}; did you mean 1.5GiB? (see f2fs mkfs --help)`,
  ],
  [['mkfs', fresh, '--size', 'big'], `invalid --size 'big': expected bytes, ${HINT} (see f2fs mkfs --help)`],
  [
    ['mkfs', fresh, '--size', '64M', '--segs-per-sec', '0'],
    "invalid --segs-per-sec '0': expected a whole number from 1 on (see f2fs mkfs --help)",
  ],
  [['mkfs', fresh, '--size', '64M', '--uuid', 'x'], "invalid uuid 'x': expected "],
  [
    ['mkfs', fresh, '--size', '0'],
    '0 bytes are too small for a volume: it needs 54525952 bytes (52 MiB) at least (see f2fs mkfs --help)',
  ],
  [
    ['mkfs', fresh, '--size', '3K'],
    '3072 bytes are too small for a volume: it needs 54525952 bytes (52 MiB) at least (see f2fs mkfs --help)',
  ],
  [['build', source, fresh, '--size', '0'], '0 bytes are too small for a volume: it needs 54525952 bytes (52 MiB) at '],
  [
    ['build', source, fresh, '--size', '100'],
    '100 bytes are too small for a volume: it needs 54525952 bytes (52 MiB) at least (see f2fs build --help)',
  ],
  [
    ['mkfs', fresh, '--size', '1M', '--segs-per-sec', '4'],
    '1048576 bytes are too small for a volume with 4 segments in a section and 1 section in a zone: it needs 134217728 ',
  ],
  [['mkfs', `${source}/none/x`, '--size', '64M'], `cannot open ${source}/none/x: no such file or directory (ENOENT)`],
  [
    ['build', source, fresh, '--engine', 'fast'],
    "invalid --engine 'fast': expected folios, pages (see f2fs build --help)",
  ],
  [['build', source, fresh, '--compress', 'gzip'], "invalid compression algorithm 'gzip': expected "],
  [['build', source, fresh, '--compress', 'lz4', '--cluster', '5K'], "invalid --cluster '5K': expected 16K, 32K, "],
  [
    ['build', `${source}/none`, fresh],
    `cannot read the source directory ${source}/none: no such file or directory (ENOENT)`,
  ],
  [['build', source, `${source}/none/x`], `cannot open ${source}/none/x: no such file or directory (ENOENT)`],
  [['build', source, image], `${image} exists already; --force replaces it (EEXIST)`],
  [['build', source, fresh, '--tight', '--size', '64M'], '--tight has no effect with --size: leave one out'],
  [
    ['build', source, fresh, '--compress', 'lz4', '--workers', '99'],
    "invalid --workers '99': expected a whole number from 0 to 64",
  ],
  [['bench', fresh, '--cache', '1K'], 'invalid --cache 1024: expected 4 MiB to 4 GiB'],
  [['bench', fresh, '--folio', '3'], 'invalid --folio 3: expected a power of two up to 512'],
  [['bench', fresh, '--queue', '99'], "invalid --queue '99': expected a whole number from 0 to 64"],
  [['mv', image, '/fixed', '/fixed'], '/fixed has that name already: there is nothing to move (EINVAL)'],
  [['chmod', image, '600', '/fixed'], '/fixed: it is immutable: clear the flag with chattr IMAGE -- -i (EPERM)'],
  [
    ['extract', image, source],
    `${source} is not empty; name a new or empty directory, or add to what is there with --force (ENOTEMPTY)`,
  ],
  [
    ['chmod', image, '99999', '/file'],
    "invalid mode '99999': expected 0 to 07777 in octal, as 755, or changes, as u+rwX,go-w (see f2fs chmod --help)",
  ],
  [
    ['chown', image, 'root', '/file'],
    "unknown user 'root': the image has no /etc/passwd; give a number, or a name of the image (EINVAL)",
  ],
  [['chown', image, ':', '/file'], "invalid owner ':': expected USER, USER:GROUP, USER: or :GROUP (see f2fs chown --"],
  [['mv', image, '/dir/.', '/new'], '/dir/.: "." can\'t be renamed, nor anything to it (EBUSY)'],
  [['mv', '-T', image, '/file', '/dir/..'], '/dir/..: ".." can\'t be renamed, nor anything to it (EBUSY)'],
  [['mv', '--exchange', image, '/file', '/none'], '/none: "none" does not exist (ENOENT)'],
  [['setfattr', '-x', 'user.none', image, '/file'], '/file: there is no extended attribute user.none (ENODATA)'],
  [['setfattr', '-n', 'odd', image, '/file'], "invalid attribute name 'odd': expected user.*, "],
  [
    ['setfattr', '-n', 'user.x', '--no-dereference', image, '/link'],
    '/link: only files and directories can have user.* attributes (EPERM)',
  ],
  [['truncate', '-s', '100T', image, '/file'], '/file: the file would be too large with '],
  [['rm', image, '/none'], '/none: "none" does not exist (ENOENT)'],
  [['ln', image, '/dir', '/second'], '/dir: a directory can have one name only (EPERM)'],
  [['mv', image, '/dir', '/dir/below'], '/dir/below: the directory "dir" can\'t be moved into itself (EINVAL)'],
  [['cat', image, '/dir'], '/dir is not a file (EISDIR)'],
  [['ls', image, '/file/x'], '/file/x is not a directory (ENOTDIR)'],
];

it.each(mistakes)('%j', async (args, said) => {
  const { code, stderr } = await f2fs(args);
  expect(code).not.toBe(0);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(stderr).toContain(`f2fs: ${args[0]}: ${said}`);
  expectPlain(stderr);
});

/** Sources by room: the command's, and what it is made of. */
function sourcesOf(isOfCommand: boolean): string[] {
  const root = new URL('../../src/', import.meta.url);
  const names = fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const chosen = names.filter((name) => /^(cli|bench)\//.test(name) === isOfCommand);
  return chosen.map((name) => fs.readFileSync(new URL(name, root), 'utf8'));
}

/** Whole commands, each to be run as it stands. */
const COMMANDS = /f2fs mkfs --size|mdadm --assemble|tar --version|tar -h [^']*/g;

it("the library's messages name no option of the command, and each option that they name has a word there", () => {
  const texts = sourcesOf(false).flatMap((source) => source.match(/(['"`])(?:(?!\1)[^\\\n]|\\.)*\1/g) ?? []);
  expect(texts.length).toBeGreaterThan(1000);
  expect(texts.filter((text) => /\w .*--[a-z]|[^'`]--[a-z]+ \w/.test(text.replace(COMMANDS, '')))).toEqual([]);
  // None of these words is of a message that there is no more.
  const all = sourcesOf(false).join('\n');
  for (const [phrase] of COMMAND_WORDS) {
    const [, said] = /^(?:invalid |immutable: |append-only: )?(.*?) ?$/.exec(phrase) as unknown as [string, string];
    expect(all).toContain(said);
  }
});

/** A path that ends in a name of 256 bytes. */
const LONG = `/dir/${'n'.repeat(256)}`;

it.each<[label: string, args: string[]]>([
  ['ls', ['ls', image, LONG]],
  ['stat', ['stat', image, LONG]],
  ['cat', ['cat', image, LONG]],
  ['getfattr', ['getfattr', '-d', image, LONG]],
  ['extract', ['extract', image, temporary.file('out'), LONG]],
  ['put', ['put', image, `${source}/file`, LONG]],
  ['put -T', ['put', '-T', image, `${source}/file`, LONG]],
  ['put -T of a directory', ['put', '-T', image, source, LONG]],
  ['mkdir', ['mkdir', image, LONG]],
  ['mkdir -p', ['mkdir', '-p', image, `${LONG}/below`]],
  ['rm', ['rm', image, LONG]],
  ['rm -r', ['rm', '-r', image, LONG]],
  ['rm -f', ['rm', '-f', image, LONG]],
  ['mv', ['mv', image, LONG, '/x']],
  ['mv to it', ['mv', image, '/file', LONG]],
  ['mv -T to it', ['mv', '-T', image, '/dir', `${LONG}/`]],
  ['mv --exchange', ['mv', '--exchange', image, '/file', LONG]],
  ['ln', ['ln', image, '/file', LONG]],
  ['ln -T', ['ln', '-T', image, '/file', LONG]],
  ['ln -s', ['ln', '-s', image, 'x', LONG]],
  ['ln of it', ['ln', image, LONG, '/x']],
  ['chmod', ['chmod', image, '600', LONG]],
  ['chown', ['chown', image, '0', LONG]],
  ['chattr', ['chattr', image, '+i', LONG]],
  ['setfattr', ['setfattr', '-n', 'user.a', image, LONG]],
  ['truncate', ['truncate', '-s', '0', image, LONG]],
  ['fallocate', ['fallocate', '-l', '1', image, LONG]],
  ['mkswap', ['mkswap', '-s', '2M', image, LONG]],
])('a name that is too long is told with its path: %s', async (_, args) => {
  const { code, stderr } = await f2fsHere(...args);
  expect(code).toBe(1);
  const path = `${LONG}/?`;
  expect(stderr).toMatch(
    new RegExp(`^f2fs: ${args[0]}: ${path}: invalid name of 256 bytes: [^\n]* \\(ENAMETOOLONG\\)\n$`),
  );
});
