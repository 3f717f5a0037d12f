// Archives made header by header, also such as no tar writes.
import type { TarTree } from '../../src/source/tar/tree.ts';

const BLOCK = 512;

/** A member; what is not said is what a small file has. */
export interface Made {
  readonly path: string | Buffer;
  readonly type?: string;
  readonly contents?: Buffer;
  /** In the header; else as many as the contents are. */
  readonly size?: number | string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly link?: string | Buffer;
  readonly uname?: string;
  readonly magic?: string;
  readonly prefix?: string;
  /** Records of a PAX header before it. */
  readonly pax?: Readonly<Record<string, string | Buffer>> | readonly (readonly [string, string | Buffer])[];
  /** Changes the header before its checksum is made, or after it. */
  readonly change?: (header: Buffer) => void;
  readonly damage?: (header: Buffer) => void;
}

export function record(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), Buffer.from(value as string), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function header({ path, type = '0', contents, size = contents?.length ?? 0, ...made }: Made): Buffer {
  const block = Buffer.alloc(BLOCK);
  Buffer.from(path as string).copy(block, 0, 0, 100);
  const octal = (value: number, at: number, digits: number) => block.write(value.toString(8).padStart(digits, '0'), at);
  octal(made.mode ?? 0o644, 100, 7);
  octal(made.uid ?? 0, 108, 7);
  octal(made.gid ?? 0, 116, 7);
  if (typeof size === 'string') block.write(size, 124, 'latin1');
  else octal(size, 124, 11);
  octal(made.mtime ?? 1_600_000_000, 136, 11);
  block.write(type, 156, 'latin1');
  Buffer.from((made.link ?? '') as string).copy(block, 157, 0, 100);
  block.write(made.magic ?? 'ustar\x0000', 257, 'latin1');
  block.write(made.uname ?? '', 265);
  block.write(made.prefix ?? '', 345);
  made.change?.(block);
  sign(block);
  made.damage?.(block);
  return block;
}

export function sign(block: Buffer): void {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
}

export function member(made: Made): Buffer {
  const parts: Buffer[] = [];
  if (made.pax !== undefined) {
    const pairs = Array.isArray(made.pax) ? made.pax : Object.entries(made.pax);
    const records = Buffer.concat(pairs.map(([key, value]) => record(key, value)));
    parts.push(member({ path: 'PaxHeaders/x', type: 'x', contents: records }));
  }
  parts.push(header(made));
  if (made.contents !== undefined) parts.push(padded(made.contents));
  return Buffer.concat(parts);
}

/** A whole archive, with the two blocks of zeros at its end. */
export function tarOf(members: readonly Made[]): Buffer {
  return Buffer.concat([...members.map(member), Buffer.alloc(2 * BLOCK)]);
}

/** What the files of a tree hold, by path. */
export function contentsOf(tree: TarTree): Record<string, Buffer> {
  const found: Record<string, Buffer> = {};
  for (let i = 0; i < tree.count; i++) {
    if (tree.type(i) !== 'file') continue;
    const bytes = Buffer.alloc(tree.size(i));
    tree.open(i).fill(bytes, 0, bytes.length, 0);
    found[tree.path(i)] = bytes;
  }
  return found;
}

/** The entries of a tree in order, each as `path type`, of files with what they hold. */
export function listOf(tree: TarTree): string[] {
  const contents = contentsOf(tree);
  return Array.from({ length: tree.count }, (_, i) => {
    const type = tree.type(i);
    const what = type === 'file' ? contents[tree.path(i)].toString('latin1') : type;
    return `${tree.path(i)} ${what}`;
  });
}
