// Directories that fold case, in the hands of Linux: it finds each of our names by its hash alone, we find its, and calls return the same.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { F2fsError, type FileSystem, format, mount, openFileDevice } from '../../src/index.ts';
import { fsck, kernelIsThere, runInKernel } from '../../tools/judge/index.ts';
import { keyOf, namesOfAll, probes } from '../format/casefold-names.ts';
import { type Random, random, seedOf } from '../random.ts';

const MIB = 2 ** 20;
let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-casefold-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** perl: `look.pl DIRECTORY NAMES` prints 1 for each name that is there, else 0. */
const LOOK = `($dir, $list) = @ARGV;
open(F, '<', $list); while (<F>) { chomp; print lstat("$dir/" . pack('H*', $_)) ? 1 : 0 }
`;
/** perl: `calls.pl CALLS` makes calls, below the directory that it is run in, and prints what each returns: 0 or an errno. */
const CALLS = `
sub fold { my ($path, $flag) = @_; my $flags = pack('Q', 0);
  open(my $f, '<', $path) or return 0; ioctl($f, 0x80086601, $flags) or return 0;
  my $bits = unpack('L', $flags) & ~0x40000000 | $flag; return ioctl($f, 0x40086602, pack('Q', $bits)) }
open(F, '<', $ARGV[0]);
while (<F>) {
  chomp; my ($call, $from, $to) = split / /; ($from, $to) = map { pack 'H*', $_ } $from, $to;
  my $done = $call eq 'mkdir' ? mkdir($from, 0755) : $call eq 'rmdir' ? rmdir($from) : $call eq 'unlink' ? unlink($from)
    : $call eq 'link' ? link($from, $to) : $call eq 'rename' ? rename($from, $to) : $call eq 'fold' ? fold($from, 0x40000000)
    : $call eq 'unfold' ? fold($from, 0) : $call eq 'create' ? sysopen(my $f, $from, 0301) : lstat($from);
  print $done ? 0 : $! + 0, "\\n";
}
`;

const hexLines = (names: readonly Uint8Array[]) =>
  names.map((name) => `${Buffer.from(name).toString('hex')}\n`).join('');

function newImage(name: string, encoding: string, fill: (fs: FileSystem) => void = () => {}): string {
  const image = join(work, name);
  const device = openFileDevice(image, { writable: true, create: { sizeBytes: 160 * MIB, overwrite: true } });
  format(device, { encoding });
  const fs = mount(device);
  fill(fs);
  fs.close();
  device.close();
  return image;
}

function foldingDirectory(fs: FileSystem, path: string): void {
  fs.mkdir(path);
  using directory = fs.open(path);
  directory.setFlags(['casefold']);
}

type Call = readonly [call: string, from: string, to?: string];

const SOME = Array.from({ length: 300 }, (_, i) => `d/Name-of-some-length-${i}`);
/** Names are latin1, so that any byte can be given. */
const FIXED: readonly Call[] = [
  ['mkdir', 'd'],
  ['mkdir', 'plain'],
  ['create', 'plain/file'],
  ['fold', 'plain'],
  ['fold', 'd'],
  ['create', 'd/ReadMe'],
  ['create', 'd/README'],
  ['stat', 'd/readme'],
  ['unfold', 'd'],
  ['mkdir', 'd/Sub'],
  ['mkdir', 'd/sub'],
  ['create', 'd/SUB/File'],
  ['stat', 'd/sub/FILE'],
  ['unfold', 'd/sub'],
  ['rename', 'd/readme', 'd/READme'],
  ['rename', 'd/sub', 'd/SUB'],
  ['link', 'd/README', 'd/readMe'],
  ['link', 'd/README', 'd/Other'],
  ['rename', 'd/OTHER', 'd/REadme'],
  ['create', 'd/Third'],
  ['rename', 'd/third', 'd/OTHER'],
  ['stat', 'd/third'],
  ['rename', 'd/OTHER', 'plain/Moved'],
  ['rename', 'plain/Moved', 'd/moved'],
  ['mkdir', 'd/Empty'],
  ['rename', 'd/SUB', 'd/EMPTY'],
  ['rmdir', 'd/empty'],
  ['unlink', 'd/empty/FILE'],
  ['rmdir', 'd/EMPTY'],
  ['stat', 'd/empty'],
  ['create', 'd/\xff\xfeA'],
  ['create', 'd/\xff\xfea'],
  ['stat', 'd/\xff\xfeA'],
  ['unlink', 'd/\xff\xfeA'],
  ['create', 'd/\xc3\x84'],
  ['stat', 'd/a\xcc\x88'],
  ['create', 'd/\xe2\x80\x8b'],
  ['stat', `d/${'N'.repeat(255)}`],
  ['create', `d/${'N'.repeat(255)}`],
  ['create', `d/${'N'.repeat(254)}`],
  ['create', `d/${'n'.repeat(254)}`],
  ...SOME.map((name): Call => ['create', name]),
  ...SOME.map((name): Call => ['create', name.toUpperCase().replace('D/', 'd/')]),
  ...SOME.slice(20).map((name): Call => ['unlink', name.toLowerCase()]),
];
const hexOf = (text = '') => Buffer.from(text, 'latin1').toString('hex');

/** A name spelt in one way or another; the last one is no UTF-8. */
function spelling(randoms: Random, ways: 5 | 6): string {
  const names = ['ab', 'stra\u00dfe', '\u00c4', '\uac01', 'fi\u200ble', 'n\u0323\u0301x'];
  const name = names[randoms.below(names.length)];
  switch (randoms.below(ways)) {
    case 0:
      return latin1(name.toUpperCase());
    case 1:
      return latin1(name.toLowerCase());
    case 2:
      return latin1(name.normalize('NFD'));
    case 3:
      return latin1(`${name.slice(0, 1)}\ufe0f${name.slice(1)}`);
    case 4:
      return latin1(name.normalize('NFC'));
    default:
      return `${latin1(name)}\xff`;
  }
}

const latin1 = (text: string) => Buffer.from(text).toString('latin1');

function randomCalls(seed: number, count: number): Call[] {
  const randoms = random(seed);
  const directories = ['d', 'd', 'd/Inner', 'd/INNER', 'plain'];
  const path = (ways: 5 | 6) => `${directories[randoms.below(directories.length)]}/${spelling(randoms, ways)}`;
  const kinds = ['create', 'create', 'mkdir', 'link', 'rename', 'rename', 'unlink', 'rmdir', 'stat', 'fold', 'unfold'];
  const calls = Array.from(
    { length: count },
    (): Call => [
      kinds[randoms.below(kinds.length)],
      path(6),
      // Kernels differ in what they find first: that there is no old name, or that a strict volume does not take the new one.
      path(5),
    ],
  );
  // Of files it is another errno here, as for all flags that they can't have.
  const isFold = ([call]: Call) => call === 'fold' || call === 'unfold';
  return [['mkdir', 'd/Inner'], ...calls.map((call): Call => (isFold(call) ? [call[0], `${call[1]}/.`] : call))];
}

const SEED = seedOf('casefold');
const CALLED = [...FIXED, ...randomCalls(SEED, 3000)];
const NR_CALLS = CALLED.length;

/** What a call of ours returns: 0 or an errno. */
function called(fs: FileSystem, [call, from, to = '']: Call): number {
  const [a, b] = [from, to].map((path) => Buffer.from(`/${path}`, 'latin1'));
  try {
    if (call === 'mkdir') fs.mkdir(a);
    else if (call === 'rmdir') fs.rmdir(a);
    else if (call === 'unlink') fs.unlink(a);
    else if (call === 'link') fs.link(a, b);
    else if (call === 'rename') fs.rename(a, b);
    else if (call === 'create') fs.openFile(a, { flags: 'wx' }).close();
    else if (call === 'stat') fs.lstat(a);
    else {
      using handle = fs.open(a);
      handle.setFlags(call === 'fold' ? ['casefold'] : []);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof F2fsError)) throw error;
    return constants.errno[error.code as keyof typeof constants.errno];
  }
}

/** Every name as it is stored. */
function listed(fs: FileSystem, path = Buffer.from('/')): string[] {
  return fs
    .readdir(path)
    .flatMap(({ name, type }) => {
      const below = Buffer.concat([path, name]);
      const line = below.toString('latin1');
      return type === 'directory' ? [line, ...listed(fs, Buffer.concat([below, Buffer.from('/')]))] : [line];
    })
    .sort();
}

test.each([
  ['qemu', 9],
  ['qemu-sid', 1],
] as const)(
  '%s finds our names, of which every %i. is tried, and we find its',
  { timeout: 400_000 },
  async (kernel, step) => {
    if (!kernelIsThere(kernel)) return;
    const share = mkdtempSync(join(work, 'share-'));
    const all = namesOfAll().filter((_, i) => i % step === 0);
    const pairs = probes(SEED).filter((_, i) => i % step === 0);
    const names = pairs.map(([name]) => name);
    const keys = new Set(names.map(keyOf));
    const ours = newImage('ours.img', 'utf8', (fs) => {
      fs.writeFile('/file', 'all names are its');
      using file = fs.openFile('/file');
      for (const [path, links] of [
        ['/all', all],
        ['/some', names],
      ] as const) {
        foldingDirectory(fs, path);
        using directory = fs.openDirectory(path);
        for (const name of links) directory.link(name, file);
      }
      using directory = fs.openDirectory('/some');
      for (const [name, other] of pairs) {
        expect(directory.lookup(name)).not.toBeNull();
        expect(directory.lookup(other) !== null).toBe(keys.has(keyOf(other)));
      }
    });
    // Where all names lie where their hashes lead, it is damage that one does not: so ours are held against those of Linux.
    const theirs = newImage('theirs.img', 'utf8:hashonly', (fs) => {
      fs.writeFile('/file', 'all names are its');
      for (const path of ['/all', '/some']) foldingDirectory(fs, path);
    });
    const encodings = ['utf8', 'utf8:strict'];
    const images = [ours, theirs, ...encodings.map((encoding) => newImage(`${encoding}.img`, encoding))];
    for (const [file, list] of Object.entries({ all, names, others: pairs.map(([, other]) => other) }))
      writeFileSync(join(share, file), hexLines(list));
    const links = (path: string, list: readonly Uint8Array[]) =>
      list
        .map((name) => `link ${hexOf('file')} ${Buffer.concat([Buffer.from(path), name]).toString('hex')}\n`)
        .join('');
    writeFileSync(join(share, 'links'), links('all/', all) + links('some/', names));
    writeFileSync(
      join(share, 'calls'),
      CALLED.map(([call, from, to]) => `${call} ${hexOf(from)} ${hexOf(to)}\n`).join(''),
    );
    writeFileSync(join(share, 'look.pl'), LOOK);
    writeFileSync(join(share, 'calls.pl'), CALLS);
    const script = `
mount -t f2fs "$DEV0" /mnt || exit 1
# What was found once is found in memory: the other names first.
for list in others names; do perl "$SHARE/look.pl" /mnt/some "$SHARE/$list" > "$SHARE/found-$list"; done
perl "$SHARE/look.pl" /mnt/all "$SHARE/all" > "$SHARE/found-all"
umount /mnt && mount -t f2fs "$DEV1" /mnt && cd /mnt || exit 2
perl "$SHARE/calls.pl" "$SHARE/links" | sort -u; cd /; umount /mnt
for device in "$DEV2" "$DEV3"; do
  mount -t f2fs "$device" /mnt && cd /mnt || exit 3
  perl "$SHARE/calls.pl" "$SHARE/calls"; cd /; umount /mnt
done`;
    const guest = await runInKernel(kernel, { images, script, share });
    expect([guest.exitCode, guest.stderr]).toEqual([0, '']);
    const found = (list: string) => readFileSync(join(share, `found-${list}`), 'latin1');
    expect(found('all')).toBe('1'.repeat(all.length));
    expect(found('names')).toBe('1'.repeat(names.length));
    const wrong = pairs.filter(([, other], i) => (found('others')[i] === '1') !== keys.has(keyOf(other)));
    expect(wrong.map((pair) => pair.map((name) => Buffer.from(name).toString('hex')))).toEqual([]);
    const returned = guest.stdout.trimEnd().split('\n').map(Number);
    expect(returned.length).toBe(1 + 2 * NR_CALLS);
    expect(returned[0]).toBe(0);
    const device = openFileDevice(theirs);
    const fs = mount(device, { readonly: true });
    expect([fs.readdir('/all').length, fs.readdir('/some').length]).toEqual([all.length, names.length]);
    fs.close();
    device.close();
    for (const [i, encoding] of encodings.entries()) {
      const there = returned.slice(1 + i * NR_CALLS, 1 + (i + 1) * NR_CALLS);
      let listedHere: string[] = [];
      const here: number[] = [];
      const image = newImage('calls.img', encoding, (volume) => {
        for (const call of CALLED) here.push(called(volume, call));
        listedHere = listed(volume);
      });
      const differences = CALLED.flatMap(([call, from, to], at) =>
        there[at] === here[at] ? [] : [`${call} ${from} ${to}: ${there[at]} there, ${here[at]} here`],
      );
      expect(differences).toEqual([]);
      const theirDevice = openFileDevice(images[2 + i], { writable: true });
      const volume = mount(theirDevice);
      expect(listed(volume)).toEqual(listedHere);
      for (const path of ['/d', '/plain']) volume.remove(path);
      expect(listed(volume)).toEqual(['/lost+found']);
      volume.close();
      theirDevice.close();
      expect((await fsck(images[2 + i])).complaints).toEqual([]);
      // fsck.f2fs has other hashes for what folds to nothing or to 255 bytes and more.
      expect(
        (await fsck(image)).complaints.filter((line) => !/hash_code|Wrong position|bad dentry|Bad dentry/.test(line)),
      ).toEqual([]);
    }
  },
);
