// Compresses and decompresses the same clusters with our codecs and with the reference libraries, in turn, on one core; prints
// megabytes a second of each round and what is left in pages. The libraries are called from here too, which costs
// microseconds that a small cluster takes itself: what an empty call costs is taken off their times.
import { type Algorithm, parseCodec } from '../../../src/compress/algorithms.ts';
import type { SharedMemory } from '../../../src/pagecache/pool.ts';
import { type ReferenceCodec, referenceCodecs } from '../../judge/reference-codecs.ts';
import type { ChildTask } from '../child.ts';
import { type CorpusKind, corpus } from '../inputs.ts';

/** One side's figures: 10^6 bytes of clusters a second of CPU time, one value a round, and pages over blocks. */
export interface CodecSide {
  compress: number[];
  decompress: number[];
  pageRatio: number;
}

export interface CodecsReport {
  ours: CodecSide;
  /** Null for an algorithm that has no library. */
  peer: CodecSide | null;
  library: string | null;
  /** Microseconds that were taken off each call of a library. */
  callMicroseconds: number;
}

/** What the case asks for. */
export interface CodecsChoice {
  /** Such as `zstd:3`. */
  codec: string;
  kind: CorpusKind;
  clusterBytes: number;
  rounds: number;
}

const PAGE = 4096;
const HEADER = 24;

const task = JSON.parse(process.argv[2]) as ChildTask;
const { codec, kind, clusterBytes, rounds } = JSON.parse(task.choice) as CodecsChoice;
const { algorithm, level } = parseCodec(codec);
const { Codecs, WORKSPACE_BYTES } = (await import(
  `${task.dist}compress/codecs.js`
)) as typeof import('../../../src/compress/codecs.ts');

// The memory, in order: our workspace, the clusters, what they are compressed into, one decompressed cluster.
const size = task.amount;
const [inAt, outAt, backAt] = [WORKSPACE_BYTES, WORKSPACE_BYTES + size, WORKSPACE_BYTES + 2 * size];
const pages = Math.ceil((backAt + clusterBytes) / 65536);
// The types of Node and ES alone know nothing of it.
const { Memory } = (globalThis as unknown as { WebAssembly: { Memory: new (limits: object) => SharedMemory } })
  .WebAssembly;
const memory = new Memory({ initial: pages, maximum: 65536, shared: true });
const bytes = new Uint8Array(memory.buffer);
const input = corpus(kind, size);
bytes.set(input, inAt);
const capacity = clusterBytes - PAGE - HEADER;
const starts = Array.from({ length: size / clusterBytes }, (_, i) => i * clusterBytes);
/** Bytes of each compressed cluster; 0: it stays raw. */
const lengths = new Int32Array(starts.length);

/** CPU time of this process: what else the machine does, does not count. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

interface Side {
  compress(start: number): number;
  decompress(start: number, length: number): boolean;
  /** Seconds of a call that are not its work. */
  callSeconds: number;
}

function ourSide(): Side {
  const codecs = new Codecs(memory, 0);
  return {
    callSeconds: 0,
    compress: (start) =>
      codecs.compress(algorithm as Algorithm, level, inAt + start, clusterBytes, outAt + start, capacity),
    decompress: (start, length) =>
      codecs.decompress(algorithm as Algorithm, outAt + start, length, backAt, clusterBytes),
  };
}

function librarySide(library: ReferenceCodec): Side {
  const back = bytes.subarray(backAt, backAt + clusterBytes);
  const compress = (start: number) =>
    library.compress(
      bytes.subarray(inAt + start, inAt + start + clusterBytes),
      bytes.subarray(outAt + start, outAt + start + capacity),
      level,
    );
  const decompress = (start: number, length: number) =>
    library.decompress(bytes.subarray(outAt + start, outAt + start + length), back) === clusterBytes;
  // One byte is refused before anything is done with it.
  const calls = 20_000;
  for (let i = 0; i < 1000; i++) decompress(0, 1);
  const started = cpuSeconds();
  for (let i = 0; i < calls; i++) decompress(0, 1);
  return { compress, decompress, callSeconds: (cpuSeconds() - started) / calls };
}

function megabytesPerSecond(nrClusters: number, seconds: number, side: Side): number {
  return (nrClusters * clusterBytes) / 1e6 / (seconds - nrClusters * side.callSeconds);
}

/** One round of one side; the first does not count. */
function round(side: Side, figures: CodecSide, counts: boolean): void {
  let started = cpuSeconds();
  for (let i = 0; i < starts.length; i++) lengths[i] = side.compress(starts[i]);
  let seconds = cpuSeconds() - started;
  if (counts) figures.compress.push(megabytesPerSecond(starts.length, seconds, side));
  let compressed = 0;
  started = cpuSeconds();
  for (let i = 0; i < starts.length; i++) {
    if (lengths[i] === 0) continue;
    compressed++;
    if (!side.decompress(starts[i], lengths[i])) throw new Error(`cluster ${i} does not decompress`);
  }
  seconds = cpuSeconds() - started;
  if (counts && compressed > 0) figures.decompress.push(megabytesPerSecond(compressed, seconds, side));
  const raw = clusterBytes / PAGE;
  const blocks = lengths.reduce((sum, n) => sum + (n === 0 ? raw : Math.ceil((n + HEADER) / PAGE)), 0);
  figures.pageRatio = size / PAGE / blocks;
}

const reference = referenceCodecs().get(algorithm) ?? null;
const sides = [ourSide(), ...(reference === null ? [] : [librarySide(reference)])];
const figures = sides.map((): CodecSide => ({ compress: [], decompress: [], pageRatio: 0 }));
for (let i = 0; i <= rounds; i++) for (const [j, side] of sides.entries()) round(side, figures[j], i > 0);
const report: CodecsReport = {
  ours: figures[0],
  peer: figures[1] ?? null,
  library: reference?.library ?? null,
  callMicroseconds: (sides[1]?.callSeconds ?? 0) * 1e6,
};
process.stdout.write(JSON.stringify(report));
