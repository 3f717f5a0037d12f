// All that a scanned tree tells of one entry, in an object that tests can compare.
import { NO_TIME } from '../../src/source/entry-table.ts';
import type { HostTree } from '../../src/source/host/tree.ts';

export function treeEntry(tree: HostTree, index: number) {
  const { inoHigh, inoLow, sizeBytes, nrSectors, birthtimeSec, birthtimeNsec, flags, ...stat } = tree.stat(index);
  const known = birthtimeNsec !== NO_TIME;
  return {
    ...stat,
    name: tree.name(index),
    path: tree.path(index),
    type: tree.type(index),
    size: sizeBytes,
    ino: (BigInt(inoHigh) << 32n) | BigInt(inoLow),
    birthtimeSec: known ? birthtimeSec : undefined,
    birthtimeNsec: known ? birthtimeNsec : undefined,
    blocks: nrSectors * 512,
  };
}
