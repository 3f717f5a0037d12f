// Directory entries: names that are none, inodes that are none, slots and hashes that disagree, trees that are no trees.
import { dentrySlots } from '../../../src/format/dentry.ts';
import { nameHash } from '../../../src/format/hash.ts';
import type { DamagedImage } from '../damaged-image.ts';
import type { DentrySlot } from '../dentry-area.ts';
import { HUGE, type Row, recipes } from '../recipe.ts';

/** A directory of each kind, and a name of two slots in it. */
const DIRECTORIES = [
  ['/few', 'a name of two slots', 'inline'],
  ['/hashed', 'name-0100', 'in a block'],
] as const;

const entries: Row[] = DIRECTORIES.flatMap(([directory, name, where]) => {
  const row = (what: string, expect: string, change: (slot: DentrySlot, image: DamagedImage) => void): Row => {
    const damage = (image: DamagedImage) => image.dentry(directory, name, (slot) => change(slot, image));
    return [`${what}, ${where}`, directory, expect, damage];
  };
  /** For damage that shows only where the entry leads. */
  const leads = (what: string, expect: string, ino: (image: DamagedImage) => number): Row => {
    const damage = (image: DamagedImage) => image.dentry(directory, name, ({ entry }) => (entry.ino = ino(image)));
    return [`${what}, ${where}`, `${directory}/${name}`, expect, damage];
  };
  const rename = (slot: DentrySlot, to: string, hash = nameHash(Buffer.from(to))): void => {
    slot.entry.nameLen = to.length;
    slot.entry.hashCode = hash;
    slot.area.at(slot.slot).name.set(Buffer.from(to));
    for (let i = 0; i < dentrySlots(to.length); i++) slot.area.setUsed(slot.slot + i, true);
  };
  return [
    row('a name of 0 bytes', 'EUCLEAN', ({ entry }) => (entry.nameLen = 0)),
    row('a name of 256 bytes', 'EUCLEAN', ({ entry }) => (entry.nameLen = 256)),
    row('a name of 65535 bytes', 'EUCLEAN', ({ entry }) => (entry.nameLen = 0xffff)),
    row('a name past the last slot', 'EUCLEAN', ({ area, slot }) => {
      const last = area.layout.slots - 1;
      const moved = area.at(last).entry;
      const { entry } = area.at(slot);
      moved.hashCode = entry.hashCode;
      moved.ino = entry.ino;
      moved.nameLen = 200;
      moved.fileType = 1;
      area.setUsed(last, true);
    }),
    row('a name one byte off', 'EUCLEAN', ({ name }) => name[3]++),
    row('a name one byte shorter', 'EUCLEAN', ({ entry }) => entry.nameLen--),
    row('another hash', 'EUCLEAN', ({ entry }) => (entry.hashCode ^= 0x100)),
    row('a hash of 0', 'EUCLEAN', ({ entry }) => (entry.hashCode = 0)),
    row('a slash in the name', 'EUCLEAN', (slot) => rename(slot, 'na/me-0100')),
    row('a zero byte in the name', 'EUCLEAN', (slot) => rename(slot, 'na\0me-0100')),
    row("the name '.'", 'EUCLEAN', (slot) => rename(slot, '.')),
    row("a second '.'", 'EUCLEAN', (slot, image) => {
      rename(slot, '.');
      slot.entry.ino = image.ino(directory);
    }),
    row("a second '..'", 'EUCLEAN', (slot) => rename(slot, '..')),
    row('the second slot unmarked', 'EUCLEAN', ({ area, slot }) => area.setUsed(slot + 1, false)),
    row('the first slot unmarked', 'EUCLEAN', ({ area, slot }) => area.setUsed(slot, false)),
    row('inode 0', 'EUCLEAN', ({ entry }) => (entry.ino = 0)),
    row('inode 1', 'EUCLEAN', ({ entry }) => (entry.ino = 1)),
    row('inode 2', 'EUCLEAN', ({ entry }) => (entry.ino = 2)),
    row('inode 2^32 - 1', 'EUCLEAN', ({ entry }) => (entry.ino = HUGE)),
    row('file type 0', 'EUCLEAN', ({ entry }) => (entry.fileType = 0)),
    row('file type 8', 'EUCLEAN', ({ entry }) => (entry.fileType = 8)),
    row('file type 255', 'EUCLEAN', ({ entry }) => (entry.fileType = 255)),
    row('the file type of a directory', 'readable', ({ entry }) => (entry.fileType = 2)),
    row('all bits of the bitmap', 'EUCLEAN', ({ area }) => {
      for (let slot = 0; slot < area.layout.slots; slot++) area.setUsed(slot, true);
    }),
    row('no bit of the bitmap', 'readable', ({ area }) => {
      for (let slot = 0; slot < area.layout.slots; slot++) area.setUsed(slot, false);
    }),
    leads('a free inode', 'EUCLEAN', () => 9000),
    leads("another node's number", 'EUCLEAN', (image) => image.nidOf('/wide', 0)),
    leads("an xattr node's number", 'EUCLEAN', (image) => image.xattrNidOf('/loaded')),
    leads('the root', 'readable', () => 3),
    leads('its own directory', 'readable', (image) => image.ino(directory)),
  ];
});

const dots: Row[] = DIRECTORIES.flatMap(([directory, , where]): Row[] => {
  const row = (what: string, name: string, expect: string, change: (slot: DentrySlot) => void): Row => {
    return [`${what}, ${where}`, directory, expect, (image) => image.dentry(directory, name, change)];
  };
  return [
    row("no '.'", '.', 'readable', ({ area, slot }) => area.setUsed(slot, false)),
    row("no '..'", '..', 'readable', ({ area, slot }) => area.setUsed(slot, false)),
    row("'.' that is another inode", '.', 'EUCLEAN', ({ entry }) => entry.ino++),
    row("'..' that is inode 0", '..', 'EUCLEAN', ({ entry }) => (entry.ino = 0)),
    row("'..' that is another inode", '..', 'readable', ({ entry }) => entry.ino++),
    row("'..' of no bytes", '..', 'EUCLEAN', ({ entry }) => (entry.nameLen = 0)),
  ];
});

const trees: Row[] = [
  [
    'a directory in its child',
    '/few',
    'readable',
    (image) =>
      image.dentry('/few/deeper', 'file', ({ entry }) => Object.assign(entry, { ino: image.ino('/few'), fileType: 2 })),
  ],
  [
    'a directory of two parents',
    '/few',
    'readable',
    (image) =>
      image.dentry('/hashed', 'name-0001', ({ entry }) =>
        Object.assign(entry, { ino: image.ino('/few'), fileType: 2 }),
      ),
  ],
  ['a dentry block of ones', '/hashed', 'EUCLEAN', (image) => image.block(image.pageBlkaddr('/hashed', 0)).fill(0xff)],
  ['a dentry block of zeros', '/hashed', 'readable', (image) => image.block(image.pageBlkaddr('/hashed', 1)).fill(0)],
  [
    "a file's block for a dentry block",
    '/hashed',
    'EUCLEAN',
    (image) => image.inode('/hashed', ({ dv, addrs }) => dv.setUint32(addrs, image.pageBlkaddr('/direct', 0), true)),
  ],
  [
    "a second '..' in the first block",
    '/hashed',
    'EUCLEAN',
    (image) =>
      image.dentry('/hashed', '..', ({ area }) => {
        let slot = 2;
        while (area.isUsed(slot)) slot++;
        const { entry } = area.at(slot);
        Object.assign(entry, { nameLen: 2, hashCode: 0, ino: image.ino('/few'), fileType: 2 });
        area.at(slot).name.set(Buffer.from('..'));
        area.setUsed(slot, true);
      }),
  ],
  ['the root without a block', '/', 'EUCLEAN', (image) => image.block(image.pageBlkaddr('/', 0)).fill(0xa5)],
];

export const dentryRecipes = [
  ...recipes('dentry', 'default', entries),
  ...recipes('dentry', 'default', dots),
  ...recipes('dentry', 'default', trees),
];
