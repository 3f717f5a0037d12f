// Inodes: modes, counts, sizes, flags and layouts that no kernel would take.
import { ADVISE, I_FLAGS, INLINE, Inode } from '../../../src/format/inode.ts';
import type { NodeParts } from '../damaged-image.ts';
import { HUGE, inodeRows, type Row, recipes, setImmense } from '../recipe.ts';

type Change = (node: NodeParts) => void;
const immense = (field: 'iSize' | 'iBlocks' | 'iAtime' | 'iMtime'): Change => {
  return ({ dv }) => setImmense(dv, Inode.offsets[field]);
};
const compressed = (change: Change): Change => {
  return (node) => {
    node.inode.iFlags |= I_FLAGS.COMPR;
    node.extra.iLogClusterSize = 2;
    change(node);
  };
};

const ofAny: Row[] = inodeRows('/inline', [
  ['mode 0', 'EUCLEAN', ({ inode }) => (inode.iMode = 0)],
  ['mode of no type', 'EUCLEAN', ({ inode }) => (inode.iMode = 0xffff)],
  ['no links', 'EUCLEAN', ({ inode }) => (inode.iLinks = 0)],
  ['no blocks', 'readable', ({ inode }) => (inode.iBlocks = 0)],
  ['more blocks than the volume', 'readable', ({ inode }) => (inode.iBlocks = 100_000)],
  ['2^62 blocks', 'EUCLEAN', immense('iBlocks')],
  ['a size of 2^62', 'EUCLEAN', immense('iSize')],
  ['inline data past its room', 'EUCLEAN', ({ inode }) => (inode.iSize = 3453)],
  ['inline data of 2^40', 'EUCLEAN', ({ inode }) => (inode.iSize = 2 ** 40)],
  ['an access time of 2^62', 'EUCLEAN', immense('iAtime')],
  ['a time before 1970', 'readable', ({ inode }) => (inode.iMtime = -1_000_000)],
  ['nanoseconds of 4 s', 'readable', ({ inode }) => (inode.iMtimeNsec = 4_000_000_000)],
  ['a name of 256 bytes', 'EUCLEAN', ({ inode }) => (inode.iNamelen = 256)],
  ['a name of 2^32 - 1 bytes', 'EUCLEAN', ({ inode }) => (inode.iNamelen = HUGE)],
  ['a parent out of range', 'readable', ({ inode }) => (inode.iPino = HUGE)],
  ['its own xattr node', 'EUCLEAN', ({ inode, footer }) => (inode.iXattrNid = footer.nid)],
  ['xattr node 1', 'EUCLEAN', ({ inode }) => (inode.iXattrNid = 1)],
  ['xattr node out of range', 'EUCLEAN', ({ inode }) => (inode.iXattrNid = HUGE)],
  ['an xattr node that its blocks do not count', 'EUCLEAN', ({ inode }) => (inode.iXattrNid = 100)],
  ['xattr node free', 'EUCLEAN', ({ inode }) => (inode.iXattrNid = 9000)],
  ['xattr node the root', 'EUCLEAN', ({ inode }) => (inode.iXattrNid = 3)],
  ['both inline flags', 'EUCLEAN', ({ inode }) => (inode.iInline |= INLINE.DENTRY)],
  ['inline dentries', 'EUCLEAN', ({ inode }) => (inode.iInline ^= INLINE.DATA | INLINE.DENTRY)],
  ['all inline flags', 'EUCLEAN', ({ inode }) => (inode.iInline = 0xff)],
  ['no extra attributes', 'EUCLEAN', ({ inode }) => (inode.iInline &= ~INLINE.EXTRA_ATTR)],
  ...[0, 2, 3, 4, 37, 40, 0xffff].map(
    (size) =>
      [`extra attributes of ${size} bytes`, 'EUCLEAN', ({ extra }: NodeParts) => (extra.iExtraIsize = size)] as const,
  ),
  ['an extent before the main area', 'EUCLEAN', ({ inode }) => Object.assign(inode, { extBlk: 5, extLen: 3 })],
  ['an extent past the main area', 'EUCLEAN', ({ inode }) => Object.assign(inode, { extBlk: 16383, extLen: 3 })],
  ['an extent of 2^32 - 1', 'EUCLEAN', ({ inode }) => Object.assign(inode, { extBlk: 4096, extLen: HUGE })],
  ['case-folding off the feature', 'EUCLEAN', ({ inode }) => (inode.iFlags |= I_FLAGS.CASEFOLD)],
  ['encryption off the feature', 'EUCLEAN', ({ inode }) => (inode.iAdvise |= ADVISE.ENCRYPT)],
  ['verity off the feature', 'EUCLEAN', ({ inode }) => (inode.iAdvise |= ADVISE.VERITY)],
  ['flags of all ones', 'EUCLEAN', ({ inode }) => (inode.iFlags = HUGE)],
]);

const ofFiles: Row[] = [
  ...inodeRows('/direct', [
    ['a size of 8 TiB', 'EUCLEAN', ({ inode }) => (inode.iSize = 2 ** 43)],
    ['a size of 2 TiB', 'readable', ({ inode }) => (inode.iSize = 2 ** 41)],
    ['one block', 'readable', ({ inode }) => (inode.iBlocks = 1)],
    ['a size of 2^53 - 1', 'EUCLEAN', ({ inode }) => (inode.iSize = 2 ** 53 - 1)],
    ['inline data it has not room for', 'EUCLEAN', ({ inode }) => (inode.iInline |= INLINE.DATA)],
    ['a symlink all at once', 'EUCLEAN', ({ inode }) => (inode.iMode = 0o120777)],
    ['compressed, with algorithm 4', 'EUCLEAN', compressed(({ extra }) => (extra.iCompressAlgorithm = 4))],
    ...[0, 1, 9, 31, 255].map(
      (log) =>
        [
          `compressed, clusters of 2^${log}`,
          'EUCLEAN',
          compressed(({ extra }) => (extra.iLogClusterSize = log)),
        ] as const,
    ),
    ['compressed, saving more than it has', 'readable', compressed(({ extra }) => (extra.iComprBlocks = 22))],
    ['compressed, saving 2^62', 'EUCLEAN', compressed(({ dv }) => setImmense(dv, 384))],
    ['compressed, in clusters that are raw', 'readable', compressed(() => {})],
  ]),
  ...inodeRows('/late', [
    [
      'a directory all at once',
      'EUCLEAN',
      ({ inode }) => Object.assign(inode, { iMode: 0o040755, iCurrentDepth: 1, iLinks: 2 }),
    ],
  ]),
  ...inodeRows('/short', [
    ['a target of no bytes', 'ENOENT', ({ inode }) => (inode.iSize = 0)],
    ['a target with a zero byte', 'EUCLEAN', ({ bytes, inline }) => (bytes[inline + 1] = 0)],
    ['a target past its room', 'EUCLEAN', ({ inode }) => (inode.iSize = 4096)],
  ]),
  ...inodeRows('/long', [
    ['a target of 5000 bytes', 'EUCLEAN', ({ inode }) => (inode.iSize = 5000)],
    ['a target of 2^41 bytes', 'EUCLEAN', ({ inode }) => (inode.iSize = 2 ** 41)],
  ]),
  ...inodeRows('/char', [
    ['inline data', 'EUCLEAN', ({ inode }) => (inode.iInline |= INLINE.DATA)],
    ['numbers of all ones', 'readable', ({ dv, addrs }) => dv.setUint32(addrs, HUGE, true)],
  ]),
];

const ofDirectories: Row[] = [
  ...inodeRows('/hashed', [
    ['one link', 'EUCLEAN', ({ inode }) => (inode.iLinks = 1)],
    ['depth 0', 'EUCLEAN', ({ inode }) => (inode.iCurrentDepth = 0)],
    ['depth 64', 'EUCLEAN', ({ inode }) => (inode.iCurrentDepth = 64)],
    ['depth 2^32 - 1', 'EUCLEAN', ({ inode }) => (inode.iCurrentDepth = HUGE)],
    ['depth 63', 'readable', ({ inode }) => (inode.iCurrentDepth = 63)],
    ['depth 1, of 2', 'readable', ({ inode }) => (inode.iCurrentDepth = 1)],
    ['directory level 3, which its names are not at', 'EUCLEAN', ({ inode }) => (inode.iDirLevel = 3)],
    ['directory level 255', 'EUCLEAN', ({ inode }) => (inode.iDirLevel = 255)],
    ['a size of 0', 'EUCLEAN', ({ inode }) => (inode.iSize = 0)],
    ['a size of 1 TiB', 'readable', ({ inode }) => (inode.iSize = 2 ** 40)],
    ['depth 63 and 1 TiB', 'readable', ({ inode }) => Object.assign(inode, { iCurrentDepth: 63, iSize: 2 ** 40 })],
    ['a size of 8 TiB', 'EUCLEAN', ({ inode }) => (inode.iSize = 2 ** 43)],
    ['inline data', 'EUCLEAN', ({ inode }) => (inode.iInline |= INLINE.DATA)],
    ['inline dentries of block addresses', 'EUCLEAN', ({ inode }) => (inode.iInline |= INLINE.DENTRY)],
  ]),
  ...inodeRows('/few', [
    ['depth 64', 'EUCLEAN', ({ inode }) => (inode.iCurrentDepth = 64)],
    ['inline dentries no more', 'EUCLEAN', ({ inode }) => (inode.iInline &= ~INLINE.DENTRY)],
    ['room for xattrs no more', 'EUCLEAN', ({ inode }) => (inode.iInline &= ~(INLINE.XATTR | INLINE.DENTRY))],
  ]),
  ...inodeRows('/', [
    ['no directory', 'EUCLEAN', ({ inode }) => (inode.iMode = 0o100644)],
    ['no blocks', 'readable', ({ inode }) => (inode.iBlocks = 0)],
  ]),
];

const flexible: Row[] = inodeRows('/inline', [
  ['no extra attributes', 'EUCLEAN', ({ inode }) => (inode.iInline &= ~INLINE.EXTRA_ATTR)],
  ['extra attributes of 0 bytes', 'EUCLEAN', ({ extra }) => (extra.iExtraIsize = 0)],
  ...[1, 5, 904, 923, 0xffff].map(
    (addrs) =>
      [
        `inline xattrs of ${addrs} slots`,
        'EUCLEAN',
        ({ extra }: NodeParts) => (extra.iInlineXattrSize = addrs),
      ] as const,
  ),
  ['inline xattrs of 903 slots', 'EUCLEAN', ({ extra }) => (extra.iInlineXattrSize = 903)],
]);

const plain: Row[] = [
  ...inodeRows('/inline', [
    ['extra attributes it has not', 'EUCLEAN', ({ inode }) => (inode.iInline |= INLINE.EXTRA_ATTR)],
  ]),
  ...inodeRows('/direct', [['compressed off the feature', 'readable', ({ inode }) => (inode.iFlags |= I_FLAGS.COMPR)]]),
];

export const inodeRecipes = [
  ...recipes('inode', 'default', [...ofAny, ...ofFiles, ...ofDirectories]),
  ...recipes('inode', 'flexible', flexible),
  ...recipes('inode', 'plain', plain),
];
