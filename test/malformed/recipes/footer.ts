// Node footers: numbers that are not the node's own, offsets that are not its place, checksums that do not hold.
import { NODE_DIR1, NODE_DIR2, NODE_IND1, NODE_OFFSET_SHIFT } from '../../../src/format/node.ts';
import type { DamagedImage, NodeParts } from '../damaged-image.ts';
import { HUGE, type Row, recipes } from '../recipe.ts';

const NODES: readonly (readonly [string, string, (image: DamagedImage) => number])[] = [
  ['inode', '/inline', (image) => image.ino('/inline')],
  ['directory', '/few', (image) => image.ino('/few')],
  ['direct node', '/wide', (image) => image.nidOf('/wide', NODE_DIR1)],
  ['indirect node', '/sparse', (image) => image.nidOf('/sparse', NODE_IND1)],
  ['direct node under an indirect one', '/sparse', (image) => image.peek(image.nidOf('/sparse', NODE_IND1), () => 0)],
  ['xattr node', '/loaded', (image) => image.xattrNidOf('/loaded')],
];

const rows: Row[] = NODES.flatMap(([kind, touch, nidOf]) => {
  const change = (name: string, by: (node: NodeParts, image: DamagedImage) => void, expect = 'EUCLEAN'): Row => {
    return [`${kind}: ${name}`, touch, expect, (image) => image.node(nidOf(image), (node) => by(node, image))];
  };
  return [
    change('nid 0', ({ footer }) => (footer.nid = 0)),
    change('nid one more', ({ footer }) => footer.nid++),
    change('ino 0', ({ footer }) => (footer.ino = 0)),
    change('ino out of range', ({ footer }) => (footer.ino = HUGE)),
    change('ino of another inode', ({ footer }, image) => (footer.ino = image.ino('/noted'))),
    change('another offset', ({ footer }) => (footer.flag ^= 4 << NODE_OFFSET_SHIFT)),
    change('a next block out of range', ({ footer }) => (footer.nextBlkaddr = HUGE), 'readable'),
    change('all ones', ({ bytes }) => bytes.fill(0xff)),
    change('all zeros', ({ bytes }) => bytes.fill(0)),
  ];
});

const others: Row[] = [
  [
    'a checksum that does not hold',
    '/inline',
    'EUCLEAN',
    (image) => image.inode('/inline', ({ inode }) => inode.iUid++, false),
  ],
  [
    'contents that changed under a checksum',
    '/inline',
    'EUCLEAN',
    (image) => image.inode('/inline', ({ bytes, inline }) => bytes[inline]++, false),
  ],
  [
    'an ino and nid of another inode, alike',
    '/inline',
    'EUCLEAN',
    (image) =>
      image.inode('/inline', ({ footer }) => {
        footer.nid = image.ino('/noted');
        footer.ino = image.ino('/noted');
      }),
  ],
  [
    'a direct node in the place of its neighbour',
    '/wide',
    'EUCLEAN',
    (image) =>
      image.inode('/wide', ({ inode, dv, nids }) => {
        inode.iSize = 2000 * 4096;
        dv.setUint32(nids + 4 * NODE_DIR2, dv.getUint32(nids + 4 * NODE_DIR1, true), true);
        dv.setUint32(nids + 4 * NODE_DIR1, 0, true);
      }),
  ],
];
export const footerRecipes = [...recipes('footer', 'default', rows), ...recipes('footer', 'default', others)];
