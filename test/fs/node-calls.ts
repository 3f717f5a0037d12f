// Calls in the shape of node:fs/promises, to be made on node:fs/promises itself and on the promise API of a volume. Each begins in a
// directory of its own with a file `f` ("hello, world"), a directory `d` with `x` and `e/y` in it, and a symlink `l` to `f`.
import type { Dirent } from 'node:fs';
import type * as node from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

/** What both are called as. */
export type Api = typeof node;
export type Path = (name: string) => string;

/** `refused`: what the volume does not take, by this errno, though node:fs does. `text`: what it is, where the call does not say. */
export type Row = [call: (fs: Api, at: Path) => Promise<unknown>, refused?: string, text?: string];

const O = { RDONLY: 0, WRONLY: 1, RDWR: 2, CREAT: 0o100, EXCL: 0o200, TRUNC: 0o1000, APPEND: 0o2000 };
/** For what TypeScript knows to be wrong. */
const wrong = <T>(value: unknown) => value as T;

const WRITE_FILE: Row[] = [
  [(fs, at) => fs.writeFile(at('n'), 'aGk=', 'base64')],
  [(fs, at) => fs.writeFile(at('n'), '6869a', { encoding: 'hex' })],
  [(fs, at) => fs.writeFile(at('n'), 'hé', { encoding: 'latin1' })],
  [(fs, at) => fs.writeFile(at('n'), 'hé', 'utf16le')],
  [(fs, at) => fs.writeFile(at('n'), 'hé\ud800', 'UTF-8' as 'utf8')],
  [(fs, at) => fs.writeFile(at('n'), 'hé', { encoding: null })],
  [(fs, at) => fs.writeFile(at('n'), 'hé', null)],
  [(fs, at) => fs.writeFile(at('n'), Buffer.from('hé'), 'hex')],
  [(fs, at) => fs.writeFile(at('f'), 'x', wrong('nope'))],
  [(fs, at) => fs.writeFile(at('f'), 'x', wrong(5))],
  [(fs, at) => fs.writeFile(at('f'), 'x', wrong({ encoding: 5 }))],
  [(fs, at) => fs.writeFile(at('f'), 'x', wrong({ nonsense: 5 })), 'EINVAL'],
  [(fs, at) => fs.writeFile(at('f'), wrong(5))],
  [(fs, at) => fs.writeFile(at('f'), wrong(undefined))],
  [(fs, at) => fs.writeFile(at('f'), new Uint16Array(2)), 'EINVAL'],
  [(fs, at) => fs.writeFile(at('f'), ['iterable']), 'EINVAL'],
  [(fs, at) => fs.writeFile(at('n'), 'x', { mode: 0o600 })],
  [(fs, at) => fs.writeFile(at('f'), 'x', { mode: 0o600 })],
  [(fs, at) => fs.writeFile(at('n'), 'x', wrong({ mode: null }))],
  [(fs, at) => fs.writeFile(at('n'), 'x', { mode: '600' }), 'EINVAL'],
  [(fs, at) => fs.writeFile(at('n'), 'x', { mode: -1 })],
  ...['a', 'a+', 'w', 'w+', 'r+', 'ax', 'wx', 'r', 'rw'].map(
    (flag): Row => [(fs, at) => fs.writeFile(at('f'), 'HELLO', { flag })],
  ),
  [(fs, at) => fs.writeFile(at('n'), 'x', wrong({ flag: O.WRONLY | O.CREAT | O.EXCL }))],
  [(fs, at) => fs.writeFile(at('f'), 'x', wrong({ flag: O.WRONLY | O.APPEND }))],
  [(fs, at) => fs.writeFile(at('f'), 'x', { flush: true })],
  [(fs, at) => fs.writeFile(at('f'), 'x', wrong({ flush: 1 }))],
  [(fs, at) => fs.writeFile(at('f'), 'x', { signal: AbortSignal.abort() })],
  [(fs, at) => fs.writeFile(at('f'), 'x', wrong({ signal: 5 }))],
  [(fs, at) => fs.writeFile(at('l'), 'through')],
  [(fs, at) => fs.writeFile(at('d'), 'x')],
  [(fs, at) => fs.writeFile(at('none/n'), 'x')],
  [(fs, at) => fs.writeFile(wrong(Buffer.from(at('n'))), 'x')],
  [(fs, at) => fs.writeFile(pathToFileURL(at('n')), 'x'), 'EINVAL'],
  [(fs, at) => fs.appendFile(at('f'), '6869', 'hex')],
  [(fs, at) => fs.appendFile(at('n'), 'x', { mode: 0o640 })],
  [(fs, at) => fs.appendFile(at('f'), 'x', { flag: 'w' })],
  [(fs, at) => fs.appendFile(at('f'), 'x', wrong({ nonsense: 1 })), 'EINVAL'],
];

const READ_FILE: Row[] = [
  [(fs, at) => fs.readFile(at('f'))],
  ...['utf8', 'latin1', 'hex', 'base64', 'base64url', 'ucs2', 'ascii', 'nope', 'buffer'].flatMap((it): Row[] => [
    [(fs, at) => fs.readFile(at('f'), wrong<BufferEncoding>(it))],
    [(fs, at) => fs.readFile(at('f'), { encoding: wrong<BufferEncoding>(it) })],
  ]),
  [(fs, at) => fs.readFile(at('f'), null)],
  [(fs, at) => fs.readFile(at('f'), { encoding: null })],
  [(fs, at) => fs.readFile(at('f'), { flag: 'r' })],
  [(fs, at) => fs.readFile(at('f'), { encoding: 'utf8', flag: O.RDONLY })],
  [(fs, at) => fs.readFile(at('f'), { flag: wrong(null) })],
  [(fs, at) => fs.readFile(at('n'), { flag: 'a+' })],
  [(fs, at) => fs.readFile(at('f'), { flag: 'w' })],
  [(fs, at) => fs.readFile(at('f'), { flag: 'rw' })],
  [(fs, at) => fs.readFile(at('f'), { flag: 'rs' }), 'EINVAL'],
  [(fs, at) => fs.readFile(at('f'), wrong('')), 'EINVAL'],
  [(fs, at) => fs.readFile(at('f'), wrong({ nonsense: 1 })), 'EINVAL'],
  [(fs, at) => fs.readFile(at('f'), { signal: AbortSignal.abort() })],
  [(fs, at) => fs.readFile(at('f'), { signal: AbortSignal.abort('enough') })],
  [(fs, at) => fs.readFile(at('d'))],
  [(fs, at) => fs.readFile(at('n'))],
  [(fs, at) => fs.readFile(at('f/n'))],
  [(fs) => fs.readFile('')],
  [(fs, at) => fs.readFile(`${at('f')}\0`)],
  [(fs) => fs.readFile(wrong(undefined))],
  [(fs) => fs.readFile(wrong({}))],
];

const KINDS = ['File', 'Directory', 'SymbolicLink', 'BlockDevice', 'CharacterDevice', 'FIFO', 'Socket'] as const;
type OfKind = Record<`is${(typeof KINDS)[number]}`, () => boolean>;
/** What a Dirent or stat says that it is of. */
export const kindsOf = (it: OfKind) => KINDS.filter((kind) => it[`is${kind}`]());

/** What a Dirent tells, each as one text that begins with the path of its directory. */
function direntsOf(entries: Dirent<string | Buffer>[]): string[] {
  return entries.map((entry) => {
    const kinds = kindsOf(entry);
    const name = typeof entry.name === 'string' ? entry.name : `bytes ${entry.name.toString('hex')}`;
    // In newer versions of Node there is no `path`.
    const isSame = ((entry as { path?: string }).path ?? entry.parentPath) === entry.parentPath;
    return `${entry.parentPath}: ${name} ${kinds} ${isSame}`;
  });
}
const isBytes = ({ name, parentPath }: { name: string; parentPath: unknown }) =>
  `${name} ${Buffer.isBuffer(parentPath)}`;

const DIRECTORIES: Row[] = [
  [(fs, at) => fs.mkdir(at('n'))],
  [(fs, at) => fs.mkdir(at('n'), 0o700)],
  [(fs, at) => fs.mkdir(at('n'), { mode: 0o2750 })],
  [(fs, at) => fs.mkdir(at('n'), null)],
  [(fs, at) => fs.mkdir(at('n'), wrong({ mode: null }))],
  [(fs, at) => fs.mkdir(at('n'), '700'), 'EINVAL'],
  [(fs, at) => fs.mkdir(at('n'), wrong({ nonsense: 1 })), 'EINVAL'],
  [(fs, at) => fs.mkdir(at('d'))],
  [(fs, at) => fs.mkdir(at('n/m'))],
  [(fs, at) => fs.mkdir(at('n/./m//o/'), { recursive: true })],
  [(fs, at) => fs.mkdir(at('d/../n/m'), { recursive: true })],
  [(fs, at) => fs.mkdir(at('n/m'), { recursive: true, mode: 0o700 })],
  [(fs, at) => fs.mkdir(at('d/e'), { recursive: true })],
  [(fs, at) => fs.mkdir(at('f/n'), { recursive: true })],
  [(fs, at) => fs.mkdir(at('f'), { recursive: true })],
  [(fs, at) => fs.mkdir(at('f/'), { recursive: true })],
  [(fs, at) => fs.mkdir(at('l/'), { recursive: true })],
  [(fs, at) => fs.mkdir(at('n/'), { recursive: true })],
  [async (fs, at) => [await fs.symlink('none', at('s')), await fs.mkdir(at('s'), { recursive: true })]],
  [async (fs, at) => [await fs.symlink('none', at('s')), await fs.rm(at('s/'), { force: true })]],
  [async (fs, at) => [await fs.symlink('none', at('s')), await fs.rm(at('s/'))]],
  [(fs, at) => fs.mkdir(at('n'), wrong({ recursive: 1 }))],
  [(fs, at) => fs.rmdir(at('d'))],
  [(fs, at) => fs.rmdir(at('f'))],
  [(fs, at) => fs.rmdir(at('n'))],
  [async (fs, at) => [await fs.mkdir(at('n')), await fs.rmdir(at('n'))]],
  [(fs, at) => fs.rmdir(at('d'), wrong({ maxRetries: 3 })), 'EINVAL'],
  [(fs, at) => fs.rm(at('f'))],
  [(fs, at) => fs.rm(at('l'))],
  [(fs, at) => fs.rm(at('d'))],
  [(fs, at) => fs.rm(at('n'))],
  [(fs, at) => fs.rm(at('n'), { force: true })],
  [(fs, at) => fs.rm(at('d'), { recursive: true })],
  [(fs, at) => fs.rm(at('f'), { recursive: true })],
  [(fs, at) => fs.rm(at('n'), { recursive: true, force: true })],
  [(fs, at) => fs.rm(at('d'), wrong({ recursive: 1 }))],
  [(fs, at) => fs.rm(at('d'), { recursive: true, maxRetries: 3 }), 'EINVAL'],
  [(fs, at) => fs.readdir(at('d'))],
  [(fs, at) => fs.readdir(at('d'), null)],
  [(fs, at) => fs.readdir(at('d'), 'hex')],
  [(fs, at) => fs.readdir(at('d'), { encoding: 'base64' })],
  [(fs, at) => fs.readdir(at('d'), 'buffer')],
  [(fs, at) => fs.readdir(at('d'), { encoding: 'buffer' })],
  [(fs, at) => fs.readdir(at('d'), wrong('nope'))],
  [(fs, at) => fs.readdir(at('d'), { recursive: true })],
  [(fs, at) => fs.readdir(at('.'), { recursive: true })],
  ...['d', '.', 'd/', './d//', 'd/../d/.'].flatMap((name): Row[] => [
    [(fs, at) => fs.readdir(at(name), { withFileTypes: true }).then(direntsOf), undefined, `entries of ${name}`],
    [
      (fs, at) => fs.readdir(at(name), { withFileTypes: true, recursive: true }).then(direntsOf),
      undefined,
      `${name}, all`,
    ],
  ]),
  [(fs, at) => fs.readdir(at('.'), { withFileTypes: true, encoding: 'hex' }).then(direntsOf)],
  [(fs, at) => fs.readdir(at('.'), { withFileTypes: true, encoding: null }).then(direntsOf)],
  [(fs, at) => fs.readdir(at('.'), { withFileTypes: true, encoding: 'buffer' }).then(direntsOf)],
  [(fs, at) => fs.readdir(wrong<string>(Buffer.from(at('d'))), { withFileTypes: true }).then((it) => it.map(isBytes))],
  [(fs, at) => fs.readdir(at('f'), { withFileTypes: true })],
  [(fs, at) => fs.readdir(at('n'), { withFileTypes: true })],
  [(fs, at) => fs.readdir(at('d'), wrong({ withFileTypes: 1 })), 'EINVAL'],
  [(fs, at) => fs.readdir(at('d'), wrong({ nonsense: 1 })), 'EINVAL'],
  [(fs, at) => fs.readdir(at('f'))],
  [(fs, at) => fs.readdir(at('n'), { recursive: true })],
  [(fs, at) => fs.readdir(at('f'), { recursive: true })],
];

const NAMES: Row[] = [
  [(fs, at) => fs.unlink(at('f'))],
  [(fs, at) => fs.unlink(at('d'))],
  [(fs, at) => fs.unlink(at('n'))],
  [(fs, at) => fs.rename(at('f'), at('d/x'))],
  [(fs, at) => fs.rename(at('f'), at('d'))],
  [(fs, at) => fs.rename(at('d'), at('d/e/z'))],
  [(fs, at) => fs.rename(at('n'), at('f'))],
  [(fs, at) => fs.rename(at('n/'), at('m'))],
  [(fs, at) => fs.rename(at('n'), at('f/'))],
  [(fs, at) => fs.rename(at('f/'), at('n'))],
  [(fs, at) => fs.rename(at('f'), at('n/'))],
  [(fs, at) => fs.rename(at('f/'), `${at('d')}/.`)],
  [(fs, at) => fs.rename(`${at('d')}/.`, at('n'))],
  [(fs, at) => fs.rename(at('f'), wrong(undefined))],
  [(fs, at) => fs.link(at('f'), at('n'))],
  [(fs, at) => fs.link(at('f'), at('l'))],
  [(fs, at) => fs.link(at('d'), at('n'))],
  [(fs, at) => fs.symlink('d', at('n'))],
  [(fs, at) => fs.symlink('d', at('n'), 'dir')],
  [(fs, at) => fs.symlink('d', at('n'), null)],
  [(fs, at) => fs.symlink('d', at('n'), 'nope')],
  [(fs, at) => fs.symlink('d', at('f'))],
  [(fs, at) => fs.readlink(at('l'))],
  [(fs, at) => fs.readlink(at('l'), 'hex')],
  [(fs, at) => fs.readlink(at('l'), { encoding: 'base64' })],
  [(fs, at) => fs.readlink(at('l'), 'buffer')],
  [(fs, at) => fs.readlink(at('l'), null)],
  [(fs, at) => fs.readlink(at('l'), wrong('nope'))],
  [(fs, at) => fs.readlink(at('l'), wrong({ nonsense: 1 })), 'EINVAL'],
  [(fs, at) => fs.readlink(at('f'))],
];

/** What both stats tell, in the units of node:fs where they differ. */
function statOf(stat: unknown): unknown {
  const { size, mode, nlink, mtimeMs, mtime } = stat as Record<string, number & { sec: number; nsec: number }>;
  return { size, mode, nlink, mtimeMs: mtimeMs ?? mtime.sec * 1000 + mtime.nsec / 1e6 };
}
const sizeOf = (stat: unknown) => (stat as { size: number }).size;

const ATTRIBUTES: Row[] = [
  [(fs, at) => fs.stat(at('l')).then(sizeOf)],
  [(fs, at) => fs.lstat(at('l')).then(sizeOf)],
  ...['f', 'd', 'l'].flatMap((name): Row[] => [
    [(fs, at) => fs.stat(at(name)).then(kindsOf)],
    [(fs, at) => fs.lstat(at(name)).then(kindsOf)],
  ]),
  [(fs, at) => fs.stat(at('f'), { bigint: false }).then(sizeOf)],
  [(fs, at) => fs.stat(at('f'), { bigint: true }).then(() => 0), 'EINVAL'],
  [(fs, at) => fs.lstat(at('f'), { bigint: true }).then(() => 0), 'EINVAL'],
  [(fs, at) => fs.stat(at('n'))],
  [(fs, at) => fs.stat(at('f/n'))],
  [(fs, at) => fs.statfs(at('d')).then(() => 0)],
  [(fs, at) => fs.statfs(at('n')).then(() => 0)],
  [(fs, at) => fs.statfs(at('d'), { bigint: true }).then(() => 0), 'EINVAL'],
  [(fs, at) => fs.access(at('f'))],
  [(fs, at) => fs.access(at('f'), 2)],
  [(fs, at) => fs.access(at('f'), 1)],
  [(fs, at) => fs.access(at('d'), 1)],
  [(fs, at) => fs.access(at('f'), 8)],
  [(fs, at) => fs.access(at('f'), wrong('r'))],
  [(fs, at) => fs.access(at('n'))],
  [(fs, at) => fs.chmod(at('f'), 0o600)],
  [(fs, at) => fs.chmod(at('l'), 0o755)],
  [(fs, at) => fs.chmod(at('f'), '600'), 'EINVAL'],
  [(fs, at) => fs.chmod(at('f'), 1.5)],
  [(fs, at) => fs.chmod(at('f'), wrong(undefined))],
  [(fs, at) => fs.chown(at('f'), -1, -1)],
  [(fs, at) => fs.chown(at('f'), wrong(undefined), -1)],
  [(fs, at) => fs.chown(at('f'), -2, -1)],
  [(fs, at) => fs.lchown(at('l'), -1, -1)],
  [(fs, at) => fs.utimes(at('f'), 1, 1_234_567_891).then(() => fs.stat(at('f')).then(statOf))],
  [(fs, at) => fs.utimes(at('f'), 1, 10.5).then(() => fs.stat(at('f')).then(statOf))],
  [(fs, at) => fs.utimes(at('f'), 1, new Date(1_500_000_000_500)).then(() => fs.stat(at('f')).then(statOf))],
  [(fs, at) => fs.lutimes(at('l'), 1, 7).then(() => fs.lstat(at('l')).then(statOf))],
  [(fs, at) => fs.utimes(at('f'), 1, '5'), 'EINVAL'],
  [(fs, at) => fs.utimes(at('f'), 1, 'soon')],
  [(fs, at) => fs.utimes(at('f'), 1, Number.NaN)],
  [(fs, at) => fs.utimes(at('f'), 1, new Date(Number.NaN))],
  [(fs, at) => fs.utimes(at('f'), wrong(5n), 1)],
  [(fs, at) => fs.utimes(at('f'), wrong(undefined), 1)],
  [(fs, at) => fs.truncate(at('f'))],
  [(fs, at) => fs.truncate(at('f'), 3)],
  [(fs, at) => fs.truncate(at('f'), 30)],
  [(fs, at) => fs.truncate(at('f'), 1.5)],
  [(fs, at) => fs.truncate(at('f'), wrong('3'))],
  [(fs, at) => fs.truncate(at('f'), -5), 'EINVAL'],
  [(fs, at) => fs.truncate(at('d'))],
  [(fs, at) => fs.truncate(at('n'))],
];

type Handle = Awaited<ReturnType<Api['open']>>;

/** A call on a file opened by `flags`. */
function opened(flags: string, use: (file: Handle) => Promise<unknown>, refused?: string): Row {
  return [
    async (fs, at) => {
      const file = await fs.open(at('f'), flags);
      try {
        return await use(file);
      } finally {
        await file.close();
      }
    },
    refused,
    `${flags}: ${use}`,
  ];
}

const buffer = () => Buffer.alloc(5);
const read = ({ bytesRead, buffer: into }: { bytesRead: number; buffer: Uint8Array }) => [bytesRead, into];
const written = ({ bytesWritten, buffer: of }: { bytesWritten: number; buffer: unknown }) => [bytesWritten, of];

/** Calls with arguments that the types of Node do not have. */
const reading = (file: Handle, ...args: unknown[]) => file.read(...(args as [Buffer])).then(read);
const writing = (file: Handle, ...args: unknown[]) => file.write(...(args as [Buffer])).then(written);

const HANDLES: Row[] = [
  ...['r', 'r+', 'w', 'w+', 'wx', 'wx+', 'a', 'a+', 'ax', 'ax+', 'rw', ''].map(
    (flags): Row => [(fs, at) => fs.open(at('f'), flags).then((file) => file.close())],
  ),
  ...['rs', 'rs+', 'as', 'as+', 'sa', 'xw'].map(
    (flags): Row => [(fs, at) => fs.open(at('f'), flags).then((file) => file.close()), 'EINVAL'],
  ),
  ...[O.RDONLY, O.RDWR | O.TRUNC, O.WRONLY | O.CREAT | O.EXCL, O.WRONLY | O.CREAT].map(
    (flags): Row => [(fs, at) => fs.open(at('f'), flags).then((file) => file.close())],
  ),
  [(fs, at) => fs.open(at('f'), wrong(null)).then((file) => file.close())],
  [(fs, at) => fs.open(at('n'), 'w', 0o600).then((file) => file.close())],
  [(fs, at) => fs.open(at('n'), 'w', '600').then((file) => file.close()), 'EINVAL'],
  [(fs, at) => fs.open(at('n')).then((file) => file.close())],
  opened('r', (file) => file.read(buffer()).then(read)),
  opened('r', (file) => file.read(buffer(), 1, 3, 2).then(read)),
  opened('r', (file) => file.read(buffer(), wrong(null), wrong(null), null).then(read)),
  opened('r', (file) => file.read(buffer(), 0, 6, 0).then(read)),
  opened('r', (file) => file.read(buffer(), -1, 2, 0).then(read)),
  opened('r', (file) => file.read(buffer(), 0, 5, 100).then(read)),
  opened('r', async (file) => [await file.read(buffer()).then(read), await file.read(buffer()).then(read)]),
  opened('r', async (file) => [await file.read(buffer(), 0, 5, 3).then(read), await file.read(buffer()).then(read)]),
  opened('r', async (file) => [await file.read(buffer()).then(read), await file.readFile('utf8')]),
  opened('r', async (file) => [await file.readFile('utf8'), await file.readFile('utf8')]),
  opened('r', (file) => file.readFile({ encoding: 'hex' })),
  opened('r', (file) => file.readFile(wrong('nope'))),
  opened('r', (file) => file.readFile(wrong({ nonsense: 1 })), 'EINVAL'),
  opened('r', (file) => file.read().then(read)),
  opened('r', (file) => file.read(wrong<undefined>(null)).then(read)),
  opened('r', (file) => file.read({}).then(read)),
  opened('r', (file) => file.read({ buffer: buffer() }).then(read)),
  opened('r', (file) => file.read({ buffer: buffer(), offset: 1, length: 2, position: 3 }).then(read)),
  opened('r', async (file) => [await file.read({ length: 3 }).then(read), await file.read({ length: 3 }).then(read)]),
  opened('r', (file) => file.read({ buffer: buffer(), offset: 6 }).then(read)),
  opened('r', (file) => reading(file, { buffer: 5 })),
  opened('r', (file) => reading(file, { buffer: null })),
  opened('r', (file) => reading(file, { nonsense: 5 }), 'EINVAL'),
  opened('r', (file) => file.read(buffer(), { position: 2 }).then(read)),
  opened('r', (file) => file.read(buffer(), { offset: 1, length: 3, position: null }).then(read)),
  opened('r', (file) => file.read(buffer(), {}).then(read)),
  opened('r', (file) => file.read(buffer(), { offset: -1 }).then(read)),
  opened('r', (file) => file.read(buffer(), { length: 6 }).then(read)),
  opened('r', (file) => file.read(buffer(), wrong({ offset: '1' })).then(read)),
  opened('r', (file) => file.read(buffer(), wrong({ nonsense: 1 })), 'EINVAL'),
  opened('r', (file) => reading(file, buffer(), { offset: 1 }, 3), 'EINVAL'),
  opened('r', (file) => file.read(buffer(), 0, 5, wrong(2n)).then(() => 0), 'EINVAL'),
  opened('r', (file) => file.write(buffer()).then(written)),
  opened('w', (file) => file.readFile()),
  opened('r+', (file) => file.write(Buffer.from('HELLO')).then(written)),
  opened('r+', (file) => file.write(Buffer.from('HELLO'), 1, 3, 4).then(written)),
  opened('r+', (file) => file.write(Buffer.from('HELLO'), 1, 9).then(written)),
  opened('r+', (file) => writing(file, Buffer.from('HELLO'), { offset: 1, length: 3, position: 4 })),
  opened('r+', (file) => writing(file, Buffer.from('HELLO'), { position: 4 })),
  opened('r+', (file) => writing(file, Buffer.from('HELLO'), {})),
  opened('r+', async (file) => [
    await writing(file, Buffer.from('HELLO'), { length: 2 }),
    await writing(file, Buffer.from('HELLO'), { offset: 2, position: null }),
  ]),
  opened('r+', (file) => writing(file, Buffer.from('HELLO'), { offset: 1, length: 5 })),
  opened('r+', (file) => writing(file, Buffer.from('HELLO'), { offset: '1' })),
  opened('r+', (file) => writing(file, Buffer.from('HELLO'), { nonsense: 1 }), 'EINVAL'),
  opened('r+', (file) => writing(file, Buffer.from('HELLO'), { offset: 1 }, 3), 'EINVAL'),
  opened('r+', (file) => file.write('HÉLLO').then(written)),
  opened('r+', (file) => file.write('HÉLLO', 4, 'latin1').then(written)),
  opened('r+', (file) => file.write('HELLO', null, wrong('nope')).then(written), 'EINVAL'),
  opened('r+', (file) => file.write(wrong<string>(5))),
  opened('r+', (file) => writing(file, 'HELLO', 0, 'utf8', 3), 'EINVAL'),
  opened('r+', async (file) => [await file.write('HE').then(written), await file.write('LLO').then(written)]),
  opened('r+', async (file) => [await file.write('HE', 4).then(written), await file.write('LLO').then(written)]),
  opened('r+', async (file) => [await file.read(buffer()).then(read), await file.writeFile('HELLO')]),
  opened('r+', async (file) => [await file.writeFile('HE'), await file.appendFile('4c4c4f', 'hex')]),
  opened('r+', (file) => file.appendFile('HELLO')),
  opened('r+', (file) => file.writeFile('HELLO', wrong({ nonsense: 1 })), 'EINVAL'),
  opened('a', async (file) => [await file.write('!').then(written), await file.appendFile('?')]),
  opened('a+', async (file) => [
    await file.read(buffer()).then(read),
    await file.write('!').then(written),
    await file.readFile(),
  ]),
  opened('a+', async (file) => [await file.write('!', 0).then(written), await file.readFile('utf8')]),
  opened('w+', async (file) => [await file.writeFile('one'), await file.writeFile('two'), await file.readFile()]),
  opened('r+', (file) => file.truncate()),
  opened('r+', (file) => file.truncate(5)),
  opened('r', (file) => file.truncate(5)),
  opened('r+', (file) => file.truncate(1.5)),
  opened('r', (file) => file.stat().then(sizeOf)),
  opened('r', (file) => file.stat().then(kindsOf)),
  opened('r', (file) => file.stat({ bigint: true }).then(() => 0), 'EINVAL'),
  opened('r', (file) => file.chmod(0o600)),
  opened('r', (file) => file.chmod('600'), 'EINVAL'),
  opened('r', (file) => file.chown(-1, -1)),
  opened('r', async (file) => [await file.utimes(1, 10.5), statOf(await file.stat())]),
  opened('r', (file) => file.utimes(1, 'soon')),
  opened('r+', async (file) => [await file.sync(), await file.datasync()]),
  opened('r', async (file) => [await file.close(), await file.close()]),
  opened('r', async (file) => [await file.close(), await file.stat()]),
  opened('r', async (file) => [await file.close(), await file.readFile()]),
];

export const CALLS: Readonly<Record<string, readonly Row[]>> = {
  'writeFile and appendFile': WRITE_FILE,
  readFile: READ_FILE,
  'mkdir, rmdir, rm and readdir': DIRECTORIES,
  'unlink, rename, link, symlink and readlink': NAMES,
  'stat, access, chmod, chown, utimes and truncate': ATTRIBUTES,
  'open, and what is open': HANDLES,
};
