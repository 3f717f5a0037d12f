// Puts a file under verity: a tree of hashes behind its end, by which each page is verified as it is read, and no change any more.
import { F2fsError } from '../errors.ts';
import { assertMutable, assertNotAppendOnly, assertNotPinned } from '../file/inode/change-rules.ts';
import type { Inode } from '../file/inode/inode.ts';
import { BlockHasher, MerkleBuilder, MerkleShape, verityDescriptor } from '../file/verity/merkle.ts';
import { type VerityOptions, verityFormat } from '../file/verity/options.ts';
import { ADVISE } from '../format/inode.ts';
import { VERITY_XATTR_NAME, VerityDescriptor, verityLocation, verityMetadataPos } from '../format/verity.ts';
import { XATTR_INDEX } from '../format/xattr.ts';
import { SINCE } from '../volume/nat.ts';
import type { Parts } from './core.ts';

/** Bytes that are read at a time: whole blocks of any size. */
const PIECE_BYTES = 1 << 18;

type VerityParts = Parts<'volume' | 'data' | 'xattrs' | 'sync' | 'memory'>;

/**
 * See FileHandle.enableVerity; yields between two pieces of the file. A change by somebody else meanwhile is not kept from happening:
 * the caller holds the only handle that writes. Source: fsverity_ioctl_enable, f2fs_begin_enable_verity, f2fs_end_enable_verity.
 */
export function* enableVerity(
  core: VerityParts,
  inode: Inode,
  options: VerityOptions,
  writers: number,
): Generator<void> {
  const { volume, data, xattrs, sync } = core;
  const { ino, block } = inode;
  const format = verityFormat(options, block.blockSize);
  if (!volume.hasFeature('verity')) {
    throw new F2fsError('EOPNOTSUPP', "the volume lacks the feature 'verity': format it with that", { ino });
  }
  if (inode.isVerity) throw new F2fsError('EEXIST', 'the file is under verity already', { ino });
  assertMutable(inode);
  assertNotAppendOnly(inode);
  assertNotPinned(inode, 'a tree of hashes');
  if (inode.writers > writers) {
    throw new F2fsError('ETXTBSY', 'the file is open for writing elsewhere: close it there first', { ino });
  }
  const { size } = inode;
  const shape = new MerkleShape(size, format);
  const treeAt = verityMetadataPos(size);
  const descriptorAt = treeAt + shape.treeBytes;
  const end = descriptorAt + VerityDescriptor.size;
  if (end > inode.maxWrittenBytes) {
    const message = `the file is too large for a tree of hashes behind it: that would end at byte ${end}, and ${inode.maxWrittenBytes} is the last`;
    throw new F2fsError('EFBIG', message, { ino });
  }
  data.convertInline(inode);
  data.makeReady(inode);
  data.clearBehindEnd(inode);
  sync.inode(inode);
  const { compressOnWrite } = inode;
  inode.writtenEnd = end;
  // What is behind the end is never compressed. Source: cluster_has_invalid_data.
  inode.compressOnWrite = false;
  let isDone = false;
  try {
    const write = (index: number, bytes: Uint8Array) =>
      data.writeBehindEnd(inode, treeAt + index * format.blockSize, bytes);
    const builder = new MerkleBuilder(shape, new BlockHasher(format), write);
    yield* addContents(core, inode, builder, format.blockSize);
    data.writeBehindEnd(inode, descriptorAt, verityDescriptor(format, size, builder.end()));
    // Before the inode says that it is under verity all of it is on the disk.
    sync.inode(inode);
    const location = verityLocation(descriptorAt, end - descriptorAt);
    xattrs.store(inode, XATTR_INDEX.VERITY, VERITY_XATTR_NAME, location);
    isDone = true;
  } finally {
    inode.writtenEnd = 0;
    inode.compressOnWrite = compressOnWrite;
    if (!isDone && !volume.isClosed && !volume.stopped) {
      sync.settle(inode);
      volume.stopOnDamage(() => data.freePastEnd(inode));
    }
  }
  inode.change().iAdvise |= ADVISE.VERITY;
  inode.refreshLayout();
  volume.nat.note(ino, SINCE.NEEDS_CHECKPOINT);
}

function* addContents({ data }: VerityParts, inode: Inode, builder: MerkleBuilder, blockSize: number): Generator<void> {
  const piece = new Uint8Array(PIECE_BYTES);
  const { size } = inode;
  for (let position = 0; position < size; position += PIECE_BYTES) {
    const length = data.read(inode, position, piece);
    piece.fill(0, length);
    for (let at = 0; at < length; at += blockSize) builder.add(piece.subarray(at, at + blockSize));
    yield;
  }
}
