// Block addresses and node numbers in inodes and nodes: outside the main area, where none may be, or someone else's.
import { COMPRESS_ADDR, NEW_ADDR, NULL_ADDR } from '../../../src/format/constants.ts';
import { I_FLAGS } from '../../../src/format/inode.ts';
import { NODE_DIND, NODE_DIR1, NODE_DIR2, NODE_IND1 } from '../../../src/format/node.ts';
import type { DamagedImage } from '../damaged-image.ts';
import { HUGE, type Row, recipes } from '../recipe.ts';

/** Places of a data address: what is read, and how it is set. */
const PLACES: readonly (readonly [string, string, (image: DamagedImage, blkaddr: number) => void])[] = [
  [
    'in a file',
    '/direct',
    (image, to) => image.inode('/direct', ({ dv, addrs }) => dv.setUint32(addrs + 4 * 7, to, true)),
  ],
  ['in a symlink', '/long', (image, to) => image.inode('/long', ({ dv, addrs }) => dv.setUint32(addrs, to, true))],
  [
    'in a directory',
    '/hashed',
    (image, to) => image.inode('/hashed', ({ dv, addrs }) => dv.setUint32(addrs, to, true)),
  ],
  [
    'in a direct node',
    '/wide',
    (image, to) => image.node(image.nidOf('/wide', NODE_DIR1), ({ dv }) => dv.setUint32(4 * 2, to, true)),
  ],
];

const addresses: Row[] = PLACES.flatMap(([place, touch, set]) => {
  const row = (name: string, expect: string, blkaddr: (image: DamagedImage) => number): Row => {
    return [`${name} ${place}`, touch, expect, (image) => set(image, blkaddr(image))];
  };
  // A directory's first block holds its dots, a target has no zero bytes.
  const hole = touch === '/hashed' || touch === '/long' ? 'EUCLEAN' : 'readable';
  return [
    row('block 1', 'EUCLEAN', () => 1),
    row('a NAT block', 'EUCLEAN', (image) => image.layout.natBlkaddr),
    row('the last block before the main area', 'EUCLEAN', (image) => image.layout.mainBlkaddr - 1),
    row('the first block past the main area', 'EUCLEAN', (image) => image.layout.mainEnd),
    row('block 0xfffffffd', 'EUCLEAN', () => 0xfffffffd),
    row('a free block', 'EUCLEAN', (image) => image.layout.mainEnd - 1),
    row('COMPRESS_ADDR', 'EUCLEAN', () => COMPRESS_ADDR),
    row('NEW_ADDR', hole, () => NEW_ADDR),
    row('NULL_ADDR', hole, () => NULL_ADDR),
  ];
});

/** Node numbers that slot `slot` of /wide's i_nid can't have. */
const inSlots: Row[] = [NODE_DIR1, NODE_DIR2, NODE_IND1, NODE_DIND].flatMap((slot) => {
  const row = (name: string, nid: (image: DamagedImage) => number): Row => [
    `i_nid[${slot}] is ${name}`,
    '/wide',
    'EUCLEAN',
    (image) =>
      image.inode('/wide', ({ inode, dv, nids }) => {
        // Large enough that the end of the file is under the slot.
        inode.iSize = [4_000_000, 8_000_000, 4_000_000_000, 0, 100_000_000_000][slot];
        dv.setUint32(nids + 4 * slot, nid(image), true);
      }),
  ];
  return [
    row('1', () => 1),
    row('2^32 - 1', () => HUGE),
    row('a free node', () => 9000),
    row('the inode itself', (image) => image.ino('/wide')),
    row('another inode', (image) => image.ino('/inline')),
    row("another file's node", (image) => image.nidOf('/sparse', NODE_IND1)),
    row('an xattr node', (image) => image.xattrNidOf('/loaded')),
  ];
});

const rows: Row[] = [
  [
    'a run that leaves the main area',
    '/direct',
    'EUCLEAN',
    (image) =>
      image.inode('/direct', ({ dv, addrs }) => {
        for (let i = 0; i < 10; i++) dv.setUint32(addrs + 4 * i, image.layout.mainEnd - 5 + i, true);
      }),
  ],
  [
    'one block twice in a file',
    '/direct',
    'readable',
    (image) => image.inode('/direct', ({ dv, addrs }) => dv.setUint32(addrs + 4, dv.getUint32(addrs, true), true)),
  ],
  [
    'one block in two files',
    '/late',
    'readable',
    (image) => image.inode('/late', ({ dv, addrs }) => dv.setUint32(addrs, image.pageBlkaddr('/direct', 0), true)),
    ['/direct', '/second'],
  ],
  [
    'one block twice in a directory',
    '/hashed',
    'EUCLEAN',
    (image) => image.inode('/hashed', ({ dv, addrs }) => dv.setUint32(addrs + 4, dv.getUint32(addrs, true), true)),
  ],
  [
    'a page of a directory that was reserved and not written',
    '/hashed',
    'readable',
    (image) => image.inode('/hashed', ({ dv, addrs }) => dv.setUint32(addrs + 4, NEW_ADDR, true)),
  ],
  [
    'one dentry block all over a directory',
    '/hashed',
    'EUCLEAN',
    (image) =>
      image.inode('/hashed', ({ inode, dv, addrs }) => {
        const blkaddr = dv.getUint32(addrs, true);
        for (let i = 0; i < 864; i++) dv.setUint32(addrs + 4 * i, blkaddr, true);
        inode.iSize = 864 * 4096;
      }),
  ],
  [
    'two slots of i_nid with one node',
    '/wide',
    'EUCLEAN',
    (image) =>
      image.inode('/wide', ({ inode, dv, nids }) => {
        inode.iSize = 8_000_000;
        dv.setUint32(nids + 4 * NODE_DIR2, dv.getUint32(nids, true), true);
      }),
  ],
  [
    'an indirect node under itself',
    '/sparse',
    'EUCLEAN',
    (image) => {
      const nid = image.nidOf('/sparse', NODE_IND1);
      image.node(nid, ({ dv }) => {
        for (let slot = 0; slot < 1018; slot++) dv.setUint32(4 * slot, nid, true);
      });
    },
  ],
  [
    'an indirect node of all ones',
    '/sparse',
    'EUCLEAN',
    (image) => image.node(image.nidOf('/sparse', NODE_IND1), ({ bytes }) => bytes.fill(0xff, 0, 4072)),
  ],
  [
    'a double indirect node of all ones',
    '/sparse',
    'EUCLEAN',
    (image) => image.node(image.nidOf('/sparse', NODE_DIND), ({ bytes }) => bytes.fill(0xff, 0, 4072)),
  ],
  [
    'a double indirect node under itself',
    '/sparse',
    'EUCLEAN',
    (image) => {
      const nid = image.nidOf('/sparse', NODE_DIND);
      image.node(nid, ({ dv }) => {
        for (let slot = 0; slot < 1018; slot++) dv.setUint32(4 * slot, nid, true);
      });
    },
  ],
  [
    'a direct node of all ones',
    '/wide',
    'readable',
    (image) => image.node(image.nidOf('/wide', NODE_DIR1), ({ bytes }) => bytes.fill(0xff, 0, 4072)),
  ],
  [
    'a compressed cluster, misplaced',
    '/direct',
    'EUCLEAN',
    (image) =>
      image.inode('/direct', ({ inode, extra, dv, addrs }) => {
        inode.iFlags |= I_FLAGS.COMPR;
        extra.iLogClusterSize = 2;
        dv.setUint32(addrs + 4 * 5, COMPRESS_ADDR, true);
      }),
  ],
];

export const addressRecipes = [
  ...recipes('address', 'default', addresses),
  ...recipes('address', 'default', inSlots),
  ...recipes('address', 'default', rows),
];
