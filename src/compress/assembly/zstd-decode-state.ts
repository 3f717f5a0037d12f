// What the decoder keeps in its workspace: the fields that blocks hand on to the next, its tables, and room for literals.
import { MODELS_BYTES, NORM_BYTES } from './zstd-fse-decode';
import { HUFFMAN_SCRATCH_BYTES, HUFFMAN_TABLE_BYTES } from './zstd-huffman-decode';

/** Bytes of a table of FSE cells of the largest accuracy log. */
const CELLS_BYTES: u32 = 512 * 8;
const FIELDS_BYTES: u32 = 64;

/** Bytes past the literals in the workspace that copies may read. */
export const LITERALS_SLACK: u32 = 64;

/** The first bytes of the workspace. */
@unmanaged
export class DecodeState {
  /** The three latest distances, latest first. */
  repeat1: u32;
  repeat2: u32;
  repeat3: u32;
  /** Accuracy log of each kind's table, -1 before there is one. */
  literalLog: i32;
  offsetLog: i32;
  matchLog: i32;
  /** Whether there is a Huffman table yet. */
  hasHuffman: u32;
  /** This block's literals, where they end, and up to where copies of them may read. */
  literals: usize;
  literalsEnd: usize;
  literalsRoom: usize;

  static at(work: usize): DecodeState {
    return changetype<DecodeState>(work);
  }
}

export function cellsOf(work: usize, kind: u32): usize {
  return work + FIELDS_BYTES + kind * CELLS_BYTES;
}

/** Scratch for a distribution and the building of its cells. */
export function normOf(work: usize): usize {
  return work + FIELDS_BYTES + 3 * CELLS_BYTES;
}

export function huffmanTableOf(work: usize): usize {
  return normOf(work) + NORM_BYTES + MODELS_BYTES;
}

export function huffmanScratchOf(work: usize): usize {
  return huffmanTableOf(work) + HUFFMAN_TABLE_BYTES;
}

/** BLOCK_BYTES + LITERALS_SLACK bytes. */
export function literalsOf(work: usize): usize {
  return (huffmanScratchOf(work) + HUFFMAN_SCRATCH_BYTES + 63) & ~63;
}

/** As the format wants it at a frame's start. */
export function resetState(state: DecodeState): void {
  state.repeat1 = 1;
  state.repeat2 = 4;
  state.repeat3 = 8;
  state.literalLog = -1;
  state.offsetLog = -1;
  state.matchLog = -1;
  state.hasHuffman = 0;
}
