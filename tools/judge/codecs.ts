// The judge of compressed files: every cluster of an image is taken from disk, its layout checked, and decompressed with the
// algorithm's reference library; our own decoders have no part in it. fsck.f2fs never looks into clusters.

import { ALGORITHM, ALGORITHM_NAMES, type Algorithm, MAX_CLUSTER_PAGES } from '../../src/compress/algorithms.ts';
import { type CodecTally, type Decompress, FileJudge } from './codecs-file.ts';
import { type ImageFile, ImageFiles } from './image-files.ts';
import { type Manifest, type ManifestEntry, showPath } from './manifest.ts';
import { referenceCodecs } from './reference-codecs.ts';

/** How to judge. */
export interface CodecOptions {
  /** What the files should hold. */
  readonly source?: Manifest;
  /** A decoder for an algorithm that has no reference library (lzo-rle), to be taken at its word. */
  readonly decoders?: ReadonlyMap<Algorithm, Decompress>;
  /** sload.f2fs leaves old bytes behind a cluster's end: told as a note, not as a complaint. */
  readonly dirtyPadding?: boolean;
}

/** The outcome. `complaints` is bounded; `nrComplaints` is not. */
export interface CodecJudgement {
  readonly image: string;
  /** Bytes of a block, and of a page. */
  readonly blockBytes: number;
  readonly ok: boolean;
  readonly nrComplaints: number;
  readonly complaints: string[];
  readonly notes: string[];
  /** By algorithm, its level where it has one, and cluster size: `lz4 16K`, `lz4:9 1024K`. */
  readonly algorithms: Record<string, CodecTally>;
  /** Regular files, and those among them whose contents were compared with the source. */
  readonly files: number;
  readonly comparedFiles: number;
  /** Files whose contents are known, by path. */
  readonly sha256: ReadonlyMap<string, string>;
  readonly seconds: number;
}

const MAX_COMPLAINTS = 50;

/** Judges the compressed files of an image, and the contents of all. Throws only when judging is not possible. */
export function judgeCodecs(image: string, options: CodecOptions = {}): CodecJudgement {
  const started = performance.now();
  const judge = new CodecJudge(new ImageFiles(image), options);
  try {
    judge.run();
  } finally {
    judge.files.close();
  }
  const { complaints, nrComplaints, notes, algorithms, sha256, nrFiles, nrCompared } = judge;
  return {
    image,
    blockBytes: judge.files.block.blockSize,
    ok: nrComplaints === 0,
    nrComplaints,
    complaints,
    notes: [...notes],
    algorithms,
    files: nrFiles,
    comparedFiles: nrCompared,
    sha256,
    seconds: (performance.now() - started) / 1000,
  };
}

/** The outcome in lines for people. */
export function codecText(judgement: CodecJudgement): string {
  const { image, ok, nrComplaints, complaints, notes, algorithms, files, comparedFiles, seconds, blockBytes } =
    judgement;
  const tallies = Object.entries(algorithms).map(([name, tally]) => {
    const { library, second, pages, blocks, storedBytes } = tally;
    const ratio = blocks === 0 ? '' : `, ratio ${(pages / blocks).toFixed(2)} in pages`;
    const bytes = `${((pages * blockBytes) / 1e6).toFixed(1)} MB in ${(storedBytes / 1e6).toFixed(1)} MB`;
    const released = tally.releasedFiles === 0 ? '' : ` (${tally.releasedFiles} released)`;
    return `  ${name}: ${tally.files} files${released}, ${tally.clusters} clusters, ${bytes}${ratio}, ${tally.rawClusters} raw; ${
      library === null
        ? 'layout checked, contents for the kernel to judge'
        : `decompressed by ${library}${second === null ? '' : ` and ${second}`}`
    }`;
  });
  const more = nrComplaints > complaints.length ? [`  and ${nrComplaints - complaints.length} complaints more`] : [];
  const verdict = ok ? 'good' : `NOT GOOD, ${nrComplaints} complaints`;
  return [
    ...complaints.map((line) => `  ${line}`),
    ...more,
    ...notes.map((line) => `  note: ${line}`),
    ...tallies,
    `${image}: ${verdict}; ${files} files, ${comparedFiles} compared; ${seconds.toFixed(1)} s in all`,
  ].join('\n');
}

/** What the files of one image have in common: complaints, tallies, buffers. */
export class CodecJudge {
  readonly files: ImageFiles;
  readonly complaints: string[] = [];
  readonly notes = new Set<string>();
  readonly algorithms: Record<string, CodecTally> = {};
  readonly sha256 = new Map<string, string>();
  nrComplaints = 0;
  nrFiles = 0;
  nrCompared = 0;
  readonly #options: CodecOptions;
  readonly #wanted: Map<string, ManifestEntry>;
  readonly #cluster: Uint8Array;
  readonly #stored: Uint8Array;
  readonly #second: Uint8Array;

  constructor(files: ImageFiles, options: CodecOptions) {
    this.files = files;
    const largest = MAX_CLUSTER_PAGES * files.block.blockSize;
    this.#cluster = new Uint8Array(largest);
    this.#stored = new Uint8Array(largest);
    this.#second = new Uint8Array(largest);
    this.#options = options;
    const regular = (options.source?.entries ?? []).filter(({ type }) => type === 'f');
    this.#wanted = new Map(regular.map((entry) => [entry.path, entry]));
  }

  run(): void {
    const complain = (text: string) => this.#complain(text);
    for (const file of this.files.files(complain)) {
      this.nrFiles++;
      const say = (text: string) => this.#complain(`${showPath(file.paths[0])} (inode ${file.ino}): ${text}`);
      try {
        new FileJudge(this, file, say).run();
      } catch (error) {
        say(error instanceof Error ? error.message : String(error));
      }
    }
    if (this.#options.source === undefined) return;
    for (const path of this.#wanted.keys()) this.#complain(`${showPath(path)}: missing`);
  }

  #complain(text: string): void {
    this.nrComplaints++;
    if (this.complaints.length < MAX_COMPLAINTS) this.complaints.push(text);
  }

  /** The tally of an algorithm and level, made when it is first met. */
  tally(file: ImageFile): CodecTally {
    const algorithm = file.algorithm as Algorithm;
    const level = file.compressFlag >>> 8;
    const name = `${ALGORITHM_NAMES[algorithm]}${level === 0 ? '' : `:${level}`} ${(this.files.block.blockSize << file.logClusterSize) / 1024}K`;
    this.algorithms[name] ??= {
      library: referenceCodecs().get(algorithm)?.library ?? (this.decompress(algorithm) ? 'our own' : null),
      second: algorithm === ALGORITHM.LZ4 ? 'lz4js' : null,
      files: 0,
      releasedFiles: 0,
      clusters: 0,
      pages: 0,
      blocks: 0,
      storedBytes: 0,
      rawClusters: 0,
    };
    return this.algorithms[name];
  }

  decompress(algorithm: Algorithm): Decompress | undefined {
    return referenceCodecs().get(algorithm)?.decompress ?? this.#options.decoders?.get(algorithm);
  }

  padding(say: (text: string) => void, where: string): void {
    if (this.#options.dirtyPadding) this.notes.add('clusters are not padded with zeros');
    else say(`${where} is not padded with zeros`);
  }

  /** Buffers of a cluster's pages, of its blocks, and of its pages as a second decoder finds them. */
  get buffers(): { cluster: Uint8Array; stored: Uint8Array; second: Uint8Array } {
    return { cluster: this.#cluster, stored: this.#stored, second: this.#second };
  }

  /** Takes what a file holds; `sha256` is null when a cluster of it could not be decompressed. */
  finish(file: ImageFile, sha256: string | null, say: (text: string) => void): void {
    for (const path of file.paths) {
      if (sha256 !== null) this.sha256.set(path, sha256);
      if (this.#options.source === undefined) continue;
      const want = this.#wanted.get(path);
      this.#wanted.delete(path);
      if (want === undefined) {
        if (!path.startsWith('lost+found/')) say('should not be there');
        continue;
      }
      if (want.size !== file.sizeBytes) say(`has ${file.sizeBytes} bytes, should have ${want.size}`);
      if (sha256 === null) continue;
      this.nrCompared++;
      if (want.sha256 !== sha256) say(`content differs (sha256 ${sha256}, should be ${want.sha256})`);
    }
  }
}
