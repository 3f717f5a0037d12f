// Fills the pieces of a job: reads files straight to where their blocks will be written from, drops zeros, compresses clusters. In any
// thread; it knows nothing of the volume.
import type { Codec } from '../compress/algorithms.ts';
import { type ClusterJob, type CodecContext, compressCluster } from '../compress/cluster.ts';
import { BlockHasher, type VerityFormat } from '../file/verity/merkle.ts';
import { zero } from '../pagecache/zero.ts';
import { isSameBytes } from '../platform/bytes.ts';
import type { SourceFile } from '../source/source-tree.ts';
import { type FillSlots, type JobShape, PAGE, PIECE, STATUS } from './fill-slots.ts';

/** What files are read from. */
export interface FileContents {
  /** Bytes. */
  size(index: number): number;
  open(index: number): Pick<SourceFile, 'fill' | 'verify' | 'close'>;
}

/** How clusters are compressed, and the thread's own tools and blocks for it. */
export interface ClusterTools {
  readonly codec: Codec;
  readonly checksum: boolean;
  readonly clusterPages: number;
  readonly context: CodecContext;
}

/** How pages are hashed, and where the hashes go: of each slot as many as its buffer has blocks of that size. */
export interface HashTools {
  readonly format: VerityFormat;
  readonly hashes: Uint8Array;
}

/** Bytes of the hashes of all slots. */
export function hashesBytes({ jobBytes }: JobShape, nrSlots: number, format: VerityFormat): number {
  return nrSlots * (jobBytes / format.blockSize) * new BlockHasher(format).digestSize;
}

export class PieceFiller {
  readonly #slots: FillSlots;
  readonly #pageSize: number;
  readonly #zeroPage: Uint8Array;
  readonly #bytes: Uint8Array;
  readonly #files: FileContents;
  readonly #tools: ClusterTools | null;
  readonly #hashTools: HashTools | null;
  readonly #hasher: BlockHasher | null;
  /** Where its result goes is said each time. */
  readonly #cluster: ClusterJob | null;
  /** Of the piece at hand: blocks so far, and clusters that stay raw. */
  #nrBlocks = 0;
  #rawClusters = 0;

  constructor(
    slots: FillSlots,
    bytes: Uint8Array,
    files: FileContents,
    tools: ClusterTools | null,
    hashTools: HashTools | null,
  ) {
    this.#slots = slots;
    this.#pageSize = slots.shape.pageSize;
    this.#zeroPage = new Uint8Array(this.#pageSize);
    this.#bytes = bytes;
    this.#files = files;
    this.#tools = tools;
    this.#hashTools = hashTools;
    this.#hasher = hashTools && new BlockHasher(hashTools.format);
    this.#cluster = tools && {
      algorithm: tools.codec.algorithm,
      level: tools.codec.level,
      checksum: tools.checksum,
      pfns: new Uint32Array(tools.clusterPages),
      nrPages: tools.clusterPages,
      at: 0,
      nrBlocks: 0,
    };
  }

  /** Fills what is to be filled of a job. That a file can't be read stands with its piece. */
  fillJob(slot: number): void {
    const slots = this.#slots;
    const nrPieces = slots.nrPieces(slot);
    for (let piece = 0; piece < nrPieces; piece++) {
      if (slots.status(slot, piece) !== STATUS.PENDING) continue;
      try {
        this.fillPiece(slot, piece);
      } catch {
        slots.setStatus(slot, piece, STATUS.FAILED);
      }
    }
    slots.finish(slot);
  }

  /** Throws what reading the file does. */
  fillPiece(slot: number, piece: number): void {
    const slots = this.#slots;
    const file = this.#files.open(slots.index(slot, piece));
    try {
      if (slots.isBytes(slot)) {
        file.fill(this.#bytes, slots.bufferOf(slot) + slots.at(slot, piece), slots.length(slot, piece), 0);
      } else {
        this.#readPages(file, slot, piece);
      }
      file.verify();
    } finally {
      file.close();
    }
    if ((slots.flags(slot, piece) & PIECE.HASH) !== 0) this.hashPiece(slot, piece);
    if ((slots.flags(slot, piece) & (PIECE.DROP_ZEROS | PIECE.COMPRESS)) === 0)
      slots.setStatus(slot, piece, STATUS.WHOLE);
    else this.#mapPages(slot, piece);
  }

  #readPages(file: Pick<SourceFile, 'fill'>, slot: number, piece: number): void {
    const slots = this.#slots;
    const position = slots.first(slot, piece) * this.#pageSize;
    const room = slots.length(slot, piece) * this.#pageSize;
    const at = slots.bufferOf(slot) + slots.at(slot, piece) * this.#pageSize;
    const length = Math.min(room, this.#files.size(slots.index(slot, piece)) - position);
    file.fill(this.#bytes, at, length, position);
    if (length < room) zero(this.#bytes, at + length, at + room);
  }

  /** Hashes the pages of a piece, which lie in their places, all of them. */
  hashPiece(slot: number, piece: number): void {
    const { format } = this.#hashTools as HashTools;
    const at = this.#slots.bufferOf(slot) + this.#slots.at(slot, piece) * this.#pageSize;
    const into = this.hashesOf(slot, piece);
    const { digestSize } = this.#hasher as BlockHasher;
    for (let done = 0, i = 0; done < into.length; done += digestSize, i++) {
      const from = at + i * format.blockSize;
      into.set((this.#hasher as BlockHasher).hash(this.#bytes.subarray(from, from + format.blockSize)), done);
    }
  }

  /** Where the hashes of a piece's blocks are. */
  hashesOf(slot: number, piece: number): Uint8Array {
    const { format, hashes } = this.#hashTools as HashTools;
    const slots = this.#slots;
    const { digestSize } = this.#hasher as BlockHasher;
    const ofPage = (this.#pageSize / format.blockSize) * digestSize;
    const from = (slot * slots.jobBlocks + slots.at(slot, piece)) * ofPage;
    return hashes.subarray(from, from + slots.length(slot, piece) * ofPage);
  }

  /** Moves what is to be written of the piece's pages together, and says what each page is. */
  #mapPages(slot: number, piece: number): void {
    const slots = this.#slots;
    const first = slots.first(slot, piece);
    const nrPages = slots.length(slot, piece);
    const flags = slots.flags(slot, piece);
    const base = slots.at(slot, piece);
    const at = slots.bufferOf(slot) + base * this.#pageSize;
    const kinds = slots.kinds[slot];
    const drops = (flags & PIECE.DROP_ZEROS) !== 0;
    // Of a file with clusters these are holes or are none as a whole.
    const unit = (flags & PIECE.COMPRESS) !== 0 ? (this.#cluster as ClusterJob).nrPages : 1;
    this.#nrBlocks = 0;
    this.#rawClusters = 0;
    for (let page = 0; page < nrPages; ) {
      const count = Math.min(nrPages - page, unit - ((first + page) % unit));
      if (drops && this.#areZeros(at, page, count)) kinds.fill(PAGE.HOLE, base + page, base + page + count);
      else if (count < unit || unit === 1 || !this.#compress(at, page, kinds, base)) {
        this.#move(at, page, count);
        kinds.fill(PAGE.BLOCK, base + page, base + page + count);
      }
      page += count;
    }
    slots.setMapped(slot, piece, this.#rawClusters);
  }

  #areZeros(at: number, page: number, count: number): boolean {
    for (let i = page; i < page + count; i++) {
      const from = at + i * this.#pageSize;
      if (this.#bytes[from] !== 0 || !isSameBytes(this.#zeroPage, this.#bytes.subarray(from, from + this.#pageSize)))
        return false;
    }
    return true;
  }

  /** Moves pages behind the blocks that the piece has so far. */
  #move(at: number, page: number, count: number): void {
    const to = at + this.#nrBlocks * this.#pageSize;
    if (this.#nrBlocks !== page)
      this.#bytes.copyWithin(to, at + page * this.#pageSize, at + (page + count) * this.#pageSize);
    this.#nrBlocks += count;
  }

  /** Compresses the cluster from `page` on; false when that would not save a block. */
  #compress(at: number, page: number, kinds: Uint8Array, base: number): boolean {
    const job = this.#cluster as ClusterJob;
    const { nrPages, pfns } = job;
    const pfn = at / this.#pageSize + page;
    for (let i = 0; i < nrPages; i++) pfns[i] = pfn + i;
    const to = at + this.#nrBlocks * this.#pageSize;
    // Straight to its place, once enough was saved before it.
    const isApart = this.#nrBlocks + nrPages - 1 <= page;
    job.at = isApart ? to : (this.#tools as ClusterTools).context.scratch;
    const nrBlocks = compressCluster((this.#tools as ClusterTools).context, job);
    if (nrBlocks === 0) {
      this.#rawClusters++;
      return false;
    }
    if (!isApart) this.#bytes.copyWithin(to, job.at, job.at + nrBlocks * this.#pageSize);
    this.#nrBlocks += nrBlocks;
    const start = base + page;
    kinds[start] = PAGE.CLUSTER;
    kinds.fill(PAGE.BLOCK, start + 1, start + 1 + nrBlocks);
    kinds.fill(PAGE.SAVED, start + 1 + nrBlocks, start + nrPages);
    return true;
  }
}
