// Extended attributes: entries that run past their list, headers that are none, node blocks that are not theirs.
import { INLINE } from '../../../src/format/inode.ts';
import { viewOf } from '../../../src/format/struct.ts';
import { XATTR_MAGIC, XattrEntry, XattrHeader } from '../../../src/format/xattr.ts';
import type { BaseName } from '../base.ts';
import type { DamagedImage } from '../damaged-image.ts';
import { type Row, recipes } from '../recipe.ts';

/** The list in the inode of a path: its bytes to the end of the area, from the header on. */
function list(image: DamagedImage, path: string, change: (bytes: Uint8Array, dv: DataView) => void): void {
  const at = image.xattrOffset(path);
  image.inode(path, ({ bytes, nids }) => {
    const area = bytes.subarray(at, nids);
    change(area, viewOf(area));
  });
}

/** Entry `index` of that list. */
function entry(
  image: DamagedImage,
  path: string,
  index: number,
  change: (entry: InstanceType<typeof XattrEntry>) => void,
): void {
  list(image, path, (_, dv) => {
    const found = new XattrEntry(dv, XattrHeader.size);
    for (let i = 0; i < index; i++) found.base += (XattrEntry.size + found.nameLen + found.valueSize + 3) & ~3;
    change(found);
  });
}

function rowsOf(): Row[] {
  return [
    ['no magic', '/noted', 'EUCLEAN', (image) => list(image, '/noted', (_, dv) => dv.setUint32(0, 1, true))],
    ['a magic of zeros', '/noted', 'EUCLEAN', (image) => list(image, '/noted', (_, dv) => dv.setUint32(0, 0, true))],
    ['a list of zeros', '/noted', 'readable', (image) => list(image, '/noted', (bytes) => bytes.fill(0))],
    ['a list of ones', '/noted', 'EUCLEAN', (image) => list(image, '/noted', (bytes) => bytes.fill(0xff))],
    ['entries of ones', '/noted', 'EUCLEAN', (image) => list(image, '/noted', (bytes) => bytes.fill(0xff, 24))],
    [
      'a reference count of 0',
      '/noted',
      'readable',
      (image) => list(image, '/noted', (_, dv) => dv.setUint32(4, 0, true)),
    ],
    [
      'a value of 65535 bytes',
      '/noted',
      'EUCLEAN',
      (image) => entry(image, '/noted', 0, (found) => (found.valueSize = 0xffff)),
    ],
    [
      'a last value past the end',
      '/noted',
      'EUCLEAN',
      (image) => entry(image, '/noted', 1, (found) => (found.valueSize = 160)),
    ],
    [
      'a name of 255 bytes',
      '/noted',
      'EUCLEAN',
      (image) => entry(image, '/noted', 1, (found) => (found.nameLen = 255)),
    ],
    ['an unknown index', '/noted', 'readable', (image) => entry(image, '/noted', 0, (found) => (found.nameIndex = 99))],
    [
      'an entry that begins at the very end',
      '/noted',
      'EUCLEAN',
      (image) =>
        list(image, '/noted', (bytes, dv) => {
          bytes.fill(0, 24);
          const first = new XattrEntry(dv, 24);
          Object.assign(first, { nameIndex: 1, nameLen: 4, valueSize: bytes.length - 24 - 4 - 4 - 4 });
          bytes.fill(0x61, 28, 32);
          Object.assign(new XattrEntry(dv, bytes.length - 4), { nameIndex: 1, nameLen: 1, valueSize: 0 });
        }),
    ],
    [
      'an entry that ends at the very end',
      '/noted',
      'readable',
      (image) =>
        list(image, '/noted', (bytes, dv) => {
          bytes.fill(0, 24);
          Object.assign(new XattrEntry(dv, 24), { nameIndex: 1, nameLen: 4, valueSize: bytes.length - 24 - 4 - 4 });
          bytes.fill(0x61, 28, 32);
        }),
    ],
    [
      'an ACL of another version',
      '/guarded',
      'EUCLEAN',
      (image) => list(image, '/guarded', (_, dv) => dv.setUint32(28, 9, true)),
    ],
    [
      'an ACL with a tag that is none',
      '/guarded',
      'EUCLEAN',
      (image) => list(image, '/guarded', (_, dv) => dv.setUint16(32, 7, true)),
    ],
    ['an ACL cut short', '/guarded', 'EUCLEAN', (image) => entry(image, '/guarded', 0, (found) => found.valueSize--)],
    [
      'an ACL of 2 bytes',
      '/guarded',
      'EUCLEAN',
      (image) => entry(image, '/guarded', 0, (found) => (found.valueSize = 2)),
    ],
    [
      'a list in a node without its beginning',
      '/loaded',
      'EUCLEAN',
      (image) => image.inode('/loaded', ({ inode }) => (inode.iInline &= ~INLINE.XATTR)),
    ],
    [
      'a node of ones',
      '/loaded',
      'EUCLEAN',
      (image) => image.node(image.xattrNidOf('/loaded'), ({ bytes }) => bytes.fill(0xff, 0, 4072)),
    ],
    [
      'a value past the end of the node',
      '/loaded',
      'EUCLEAN',
      (image) => entry(image, '/loaded', 1, (found) => (found.valueSize = 4300)),
    ],
    [
      "another inode's node",
      '/noted',
      'EUCLEAN',
      (image) => image.inode('/noted', ({ inode }) => (inode.iXattrNid = image.xattrNidOf('/loaded'))),
    ],
    [
      'a data node for the xattr node',
      '/wide',
      'EUCLEAN',
      (image) => image.inode('/wide', ({ inode, dv, nids }) => (inode.iXattrNid = dv.getUint32(nids, true))),
    ],
    [
      'a magic in the list of an empty inode',
      '/inline',
      'readable',
      (image) => list(image, '/inline', (_, dv) => dv.setUint32(0, XATTR_MAGIC, true)),
    ],
  ];
}

const BASES: readonly BaseName[] = ['default', 'flexible', 'plain'];
export const xattrRecipes = BASES.flatMap((base) => recipes('xattr', base, rowsOf()));
