// Recovery chains: nodes that fsync wrote after the last checkpoint, linked wrongly, marked wrongly, or leading where no node
// and no data may be.
import { COMPRESS_ADDR, NEW_ADDR } from '../../../src/format/constants.ts';
import { INLINE } from '../../../src/format/inode.ts';
import { NODE_FLAG, NODE_OFFSET_SHIFT, XATTR_NODE_OFFSET } from '../../../src/format/node.ts';
import type { DamagedImage, NodeParts } from '../damaged-image.ts';
import { metadataOf } from '../metadata.ts';
import { HUGE, type Recipe } from '../recipe.ts';

type Change = (node: NodeParts, image: DamagedImage, chain: readonly number[]) => void;

/** Changes the `index`-th node of the chain, from the end if it is negative. */
const at =
  (index: number, change: Change) =>
  (image: DamagedImage): void => {
    const chain = metadataOf(image.base).blocks.get('chain') as readonly number[];
    image.nodeAt(chain.at(index) as number, (node) => change(node, image, chain));
  };

/** Changes all nodes of the chain that belong to the inode which the first one is. */
const ofFirst =
  (change: Change) =>
  (image: DamagedImage): void => {
    const chain = metadataOf(image.base).blocks.get('chain') as readonly number[];
    let ino = 0;
    image.nodeAt(chain[0], ({ footer }) => {
      ino = footer.ino;
    });
    for (const blkaddr of chain) {
      image.nodeAt(blkaddr, (node) => {
        if (node.footer.ino === ino) change(node, image, chain);
      });
    }
  };

const setAddr =
  (slot: number, to: (image: DamagedImage) => number): Change =>
  ({ dv, addrs }, image) =>
    dv.setUint32(addrs + 4 * slot, to(image), true);

const name =
  (text: string): Change =>
  ({ inode }) => {
    inode.iName = Buffer.from(text);
    inode.iNamelen = text.length;
  };

/**
 * `[name, what a writable mount does: the code that it throws, or recovers, damage, robs?]`. A name or block that a node of the
 * chain claims is taken from who has it, as in the kernel.
 */
type Row = readonly [name: string, expect: string, damage: (image: DamagedImage) => void, robs?: readonly string[]];

const links: Row[] = [
  ['a node after itself', 'EUCLEAN', at(-1, ({ footer }, _, chain) => (footer.nextBlkaddr = chain.at(-1) as number))],
  ['the first node after itself', 'EUCLEAN', at(0, ({ footer }, _, chain) => (footer.nextBlkaddr = chain[0]))],
  ['the first node after the last', 'EUCLEAN', at(-1, ({ footer }, _, chain) => (footer.nextBlkaddr = chain[0]))],
  ['the first node after the third', 'EUCLEAN', at(2, ({ footer }, _, chain) => (footer.nextBlkaddr = chain[0]))],
  ...(
    [
      ['block 0', () => 0],
      ['a superblock', () => 1],
      ['the checkpoint', (image) => image.layout.cpBlkaddr],
      ['a NAT block', (image) => image.layout.natBlkaddr],
      ['a SIT block', (image) => image.layout.sitBlkaddr],
      ['the SSA', (image) => image.layout.ssaBlkaddr],
      ['the block before the main area', (image) => image.layout.mainBlkaddr - 1],
      ['the block past the main area', (image) => image.layout.mainEnd],
      ['block 2^32 - 1', () => HUGE],
      ['a data block', (image) => image.pageBlkaddr('/overwritten', 25)],
      ['an inode of the checkpoint', (image) => image.blkaddrOf(3)],
    ] as [string, (image: DamagedImage) => number][]
  ).map(
    ([where, to]): Row => [
      `on to ${where}`,
      'recovers',
      at(1, ({ footer }, image) => (footer.nextBlkaddr = to(image))),
    ],
  ),
  ['of another version', 'recovers', at(1, ({ footer }) => footer.cpVer++)],
  ['of a version with another checksum', 'recovers', at(1, ({ footer }) => footer.cpVerCrc++)],
];

const footers: Row[] = [
  ['nid 0', 'recovers', at(0, ({ footer }) => (footer.nid = 0))],
  ['nid 2', 'recovers', at(0, ({ footer }) => (footer.nid = 2))],
  ['nid out of range', 'recovers', at(0, ({ footer }) => (footer.nid = HUGE))],
  ['ino 0', 'EUCLEAN', at(0, ({ footer }) => (footer.ino = 0))],
  ['ino 1', 'EUCLEAN', at(0, ({ footer }) => (footer.ino = 1))],
  ['ino out of range', 'EUCLEAN', at(0, ({ footer }) => (footer.ino = HUGE))],
  ['ino of the root', 'EUCLEAN', at(0, ({ footer }) => (footer.ino = 3))],
  ['nid and ino of the root', 'EUCLEAN', at(0, ({ footer }) => Object.assign(footer, { nid: 3, ino: 3 }))],
  [
    'nid and ino of another file',
    'EUCLEAN',
    at(0, ({ footer }, image) => Object.assign(footer, { nid: image.ino('/wide'), ino: image.ino('/wide') })),
  ],
  ['nid of another inode', 'recovers', at(0, ({ footer }, image) => (footer.nid = image.ino('/kept/directory')))],
  [
    'nid and ino past the last node',
    'EUCLEAN',
    at(0, ({ footer }, { layout }) => Object.assign(footer, { nid: layout.maxNid, ino: layout.maxNid })),
  ],
  ['an inode that says it is a direct node', 'EUCLEAN', at(0, ({ footer }) => (footer.flag |= 1 << NODE_OFFSET_SHIFT))],
  [
    'an inode that says it is an xattr node',
    'EUCLEAN',
    at(0, ({ footer }) => (footer.flag |= (XATTR_NODE_OFFSET << NODE_OFFSET_SHIFT) >>> 0)),
  ],
  ['no fsync mark at all', 'recovers', ofFirst(({ footer }) => (footer.flag &= ~NODE_FLAG.FSYNC))],
  ['no dentry mark on a new inode', 'recovers', ofFirst(({ footer }) => (footer.flag &= ~NODE_FLAG.DENTRY))],
  ['a dentry mark on a node that is no inode', 'recovers', atDnode(({ footer }) => (footer.flag |= NODE_FLAG.DENTRY))],
  ['a direct node at another offset', 'recovers', atDnode(({ footer }) => (footer.flag += 7 << NODE_OFFSET_SHIFT))],
  [
    'a direct node that is an indirect one',
    'EUCLEAN',
    atDnode(({ footer }) => (footer.flag = NODE_FLAG.FSYNC | (3 << NODE_OFFSET_SHIFT))),
  ],
  [
    'a direct node far past the largest file',
    'EUCLEAN',
    atDnode(({ footer }) => (footer.flag = NODE_FLAG.FSYNC | (0x1fff_fff0 << NODE_OFFSET_SHIFT))),
  ],
  [
    'a direct node of another inode',
    'recovers',
    atDnode(({ footer }, image) => (footer.ino = image.ino('/overwritten'))),
  ],
  ['a direct node of a directory', 'recovers', atDnode(({ footer }, image) => (footer.ino = image.ino('/kept')))],
  ['a direct node of a free inode', 'recovers', atDnode(({ footer }) => (footer.ino = 5000))],
  ['a node of zeros', 'recovers', at(1, ({ bytes }) => bytes.fill(0))],
  ['a node of ones', 'recovers', at(1, ({ bytes }) => bytes.fill(0xff))],
  ['an inode without contents', 'recovers', at(0, ({ bytes }) => bytes.fill(0, 0, 4072))],
  ['an inode of ones', 'EUCLEAN', at(0, ({ bytes }) => bytes.fill(0xff, 0, 4072))],
  ['a direct node of ones', 'recovers', atDnode(({ bytes }) => bytes.fill(0xff, 0, 4072))],
];

/** Changes the first node of the chain that is no inode. */
function atDnode(change: Change) {
  return (image: DamagedImage): void => {
    const chain = metadataOf(image.base).blocks.get('chain') as readonly number[];
    const blkaddr = chain.find((blkaddr) => {
      let isInode = true;
      image.nodeAt(blkaddr, ({ footer }) => {
        isInode = footer.nid === footer.ino;
      });
      return !isInode;
    });
    if (blkaddr === undefined) throw new Error('the chain has no direct node');
    image.nodeAt(blkaddr, (node) => change(node, image, chain));
  };
}

const OF_ANOTHER = 'a block of another file';
const robbed = (what: string) => (what === OF_ANOTHER ? ['/kept/directory/file'] : []);

const addresses: Row[] = (
  [
    ['block 1', 'EUCLEAN', () => 1],
    ['the block before the main area', 'EUCLEAN', (image) => image.layout.mainBlkaddr - 1],
    ['the block past the main area', 'EUCLEAN', (image) => image.layout.mainEnd],
    ['block 0xfffffffd', 'EUCLEAN', () => 0xfffffffd],
    ['COMPRESS_ADDR', 'EUCLEAN', () => COMPRESS_ADDR],
    ['NEW_ADDR', 'recovers', () => NEW_ADDR],
    [OF_ANOTHER, 'recovers', (image) => image.pageBlkaddr('/kept/directory/file', 1)],
    ["another inode's node", 'EUCLEAN', (image) => image.blkaddrOf(image.ino('/kept'))],
    ["the root's node", 'EUCLEAN', (image) => image.blkaddrOf(3)],
    ['a block that was never written', 'recovers', (image) => image.layout.mainEnd - 1],
    ['a node of the chain', 'EUCLEAN', (image) => (metadataOf(image.base).blocks.get('chain') as readonly number[])[0]],
  ] as [string, string, (image: DamagedImage) => number][]
).flatMap(([what, expect, to]): Row[] => [
  [`page 0 of a new file at ${what}`, expect, ofFirst(setAddr(0, to)), robbed(what)],
  [
    `a page of a direct node at ${what}`,
    expect,
    atDnode(({ dv }, image) => dv.setUint32(4 * 200, to(image), true)),
    robbed(what),
  ],
]);

const inodes: Row[] = [
  ['a name of no bytes', 'EUCLEAN', ofFirst(({ inode }) => (inode.iNamelen = 0))],
  ['a name of 256 bytes', 'EUCLEAN', ofFirst(({ inode }) => (inode.iNamelen = 256))],
  ['a name of 2^32 - 1 bytes', 'EUCLEAN', ofFirst(({ inode }) => (inode.iNamelen = HUGE))],
  ["the name '.'", 'EUCLEAN', ofFirst(name('.'))],
  ["the name '..'", 'EUCLEAN', ofFirst(name('..'))],
  ['a name with a slash', 'EUCLEAN', ofFirst(name('a/b'))],
  ['a name with a zero byte', 'EUCLEAN', ofFirst(name('a\0b'))],
  ["another file's name", 'recovers', ofFirst(name('overwritten'))],
  ["a directory's name", 'recovers', ofFirst(name('kept')), ['/kept']],
  ['parent 0', 'EUCLEAN', ofFirst(({ inode }) => (inode.iPino = 0))],
  ['parent 1', 'EUCLEAN', ofFirst(({ inode }) => (inode.iPino = 1))],
  ['a parent out of range', 'EUCLEAN', ofFirst(({ inode }) => (inode.iPino = HUGE))],
  ['a parent that is free', 'EUCLEAN', ofFirst(({ inode }) => (inode.iPino = 5000))],
  ['a parent that is a file', 'EUCLEAN', ofFirst(({ inode }, image) => (inode.iPino = image.ino('/overwritten')))],
  ['a parent that is a direct node', 'EUCLEAN', ofFirst(({ inode }, image) => (inode.iPino = image.nidOf('/wide', 0)))],
  ['its own parent', 'EUCLEAN', ofFirst(({ inode, footer }) => (inode.iPino = footer.ino))],
  ['mode 0', 'EUCLEAN', ofFirst(({ inode }) => (inode.iMode = 0))],
  ['the mode of a directory', 'EUCLEAN', ofFirst(({ inode }) => (inode.iMode = 0o040755))],
  ['the mode of a symlink', 'EUCLEAN', ofFirst(({ inode }) => (inode.iMode = 0o120777))],
  ['no links', 'recovers', ofFirst(({ inode }) => (inode.iLinks = 0))],
  ['2^32 - 1 links', 'recovers', ofFirst(({ inode }) => (inode.iLinks = HUGE))],
  ['no blocks', 'recovers', ofFirst(({ inode }) => (inode.iBlocks = 0))],
  ['2^40 blocks', 'recovers', ofFirst(({ inode }) => (inode.iBlocks = 2 ** 40))],
  ['a size of 2^44', 'EUCLEAN', ofFirst(({ inode }) => (inode.iSize = 2 ** 44))],
  ['a size of 2 TiB', 'recovers', ofFirst(({ inode }) => (inode.iSize = 2 ** 41))],
  ['inline data over its addresses', 'EUCLEAN', ofFirst(({ inode }) => (inode.iInline |= INLINE.DATA))],
  ['inline data and dentries', 'EUCLEAN', ofFirst(({ inode }) => (inode.iInline |= INLINE.DATA | INLINE.DENTRY))],
  ['no extra attributes', 'recovers', ofFirst(({ inode }) => (inode.iInline &= ~INLINE.EXTRA_ATTR))],
  ['extra attributes of 0 bytes', 'recovers', ofFirst(({ extra }) => (extra.iExtraIsize = 0))],
  ['its own xattr node', 'recovers', ofFirst(({ inode, footer }) => (inode.iXattrNid = footer.nid))],
  ['an xattr node out of range', 'recovers', ofFirst(({ inode }) => (inode.iXattrNid = HUGE))],
  ['an xattr node that is free', 'recovers', ofFirst(({ inode }) => (inode.iXattrNid = 5000))],
  ['a direct node that is the root', 'recovers', ofFirst(({ dv, nids }) => dv.setUint32(nids, 3, true))],
  [
    "another file's direct node",
    'recovers',
    ofFirst(({ dv, nids }, image) => dv.setUint32(nids, image.nidOf('/wide', 0), true)),
  ],
];

/** A checksum that does not hold. */
const checksums: Row[] = [
  [
    'an inode whose checksum does not hold',
    'recovers',
    (image) => {
      const chain = metadataOf(image.base).blocks.get('chain') as readonly number[];
      image.block(chain[0])[4] ^= 1;
    },
  ],
];

export const chainRecipes: readonly Recipe[] = [...links, ...footers, ...addresses, ...inodes, ...checksums].map(
  ([name, expect, damage, robs]) => ({ class: 'chain', name, base: 'chain', touch: 'recovery', expect, damage, robs }),
);
