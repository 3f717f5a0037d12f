// The library's public face: formatting, mounting, building, extracting and inspecting F2FS images.

export type { Contents, Name, OwnBytes, Path } from './bytes.ts';
export {
  type AlgorithmName,
  type Codec,
  codecText,
  parseCodec,
} from './compress/algorithms.ts';
export { defaultWorkers } from './compress/cluster-buffers.ts';
export { BLKSIZE, type BlockDevice, IoCounters } from './device/device.ts';
export { type FileDevice, openFileDevice } from './device/file-device.ts';
export { type GunzipOptions, isGzipped, openGzipped } from './device/gzipped.ts';
export { type CreateOptions, type OpenOptions, type TargetPlace, targetAt } from './device/host-target.ts';
export { MemoryDevice, type MemoryDeviceOptions } from './device/memory-device.ts';
export { type ErrorPlace, F2fsError } from './errors.ts';
export { extract } from './extract/extract.ts';
export type {
  ExtractNote,
  ExtractOptions,
  ExtractProgress,
  ExtractReport,
} from './extract/report.ts';
export { extractTar, type TarOptions, type TarReport } from './extract/tar.ts';
export type { FaultKind, FaultPlace } from './faults.ts';
export type { AllocateOptions } from './file/data/fallocate.ts';
export type { ByteSource, WriteOptions } from './file/data/file-data.ts';
export type { Extent, ExtentFlag, Region } from './file/data/file-extents.ts';
export type { IpuPolicy, WriteMode } from './file/data/in-place.ts';
export type { CompressMode, CompressOptions } from './file/inode/compression.ts';
export type { Timestamp } from './file/inode/inode.ts';
export type { VerityOptions } from './file/verity/options.ts';
export type { VerityMeasurement } from './file/verity/verity-tree.ts';
export { checkXattrName, type Xattr } from './file/xattr/xattrs.ts';
export { FEATURES, type Feature, featureNames } from './format/constants.ts';
export type { InodeFlag } from './format/inode-flags.ts';
export { formatUuid, parseUuid } from './format/superblock.ts';
export type { VerityHash } from './format/verity.ts';
export { AsyncFileHandle, type ReadResult, type TimeLike, type WriteResult } from './fs/async-file-handle.ts';
export type { Attributes, NewAttributes, XattrChange, XattrFlags } from './fs/attributes.ts';
export { Directory, type DirectoryEntry, type DirectoryPart } from './fs/directory-handle.ts';
export type { ParentPath, VolumeDirent } from './fs/dirent.ts';
export { type ExtentsOptions, FileHandle } from './fs/file-handle.ts';
export {
  type CleanOptions,
  type FileSystem,
  mount,
  type OpenFileOptions,
  type VolumeStat,
} from './fs/file-system.ts';
export { Handle } from './fs/handle.ts';
export type { MountOptions } from './fs/mount-options.ts';
export type { FileType, NodeType } from './fs/of-type.ts';
export type { OpenFlags } from './fs/open-flags.ts';
export type { FollowOptions } from './fs/path-lookup.ts';
export type {
  BufferPart,
  HandleOptions,
  MkdirOptions,
  OwnBuffer,
  ReaddirOptions,
  ReadFileOptions,
  ReadlinkOptions,
  ReadOptions,
  RmOptions,
  StatOptions,
  WriteFileOptions,
} from './fs/promise-options.ts';
export { AsyncFileSystem, mountAsync } from './fs/promises.ts';
export type { CleanReport } from './fs/reclaim.ts';
export type { RenameFlags } from './fs/rename.ts';
export type { CompressionStat, DeviceNumbers, FileStat } from './fs/stat.ts';
export {
  joinPath,
  type SplitPath,
  sortedEntries,
  splitPath,
  type WalkEnterEvent,
  type WalkEntryEvent,
  type WalkEvent,
  type WalkLeaveEvent,
  type WalkListing,
  type WalkPlace,
  type WalkProblem,
  type WalkStep,
  walkDirectories,
  walkTree,
} from './fs/walk.ts';
export {
  type CheckpointInfo,
  type LogPosition,
  type VolumeArea,
  type VolumeInfo,
  volumeInfo,
} from './inspect/info.ts';
export {
  BLOCK_SIZES,
  CLEAN_POLICIES,
  clusterSizes,
  ENGINES,
  FLAG_LETTERS,
  HOLE_POLICIES,
  MAX_ID,
  MAX_QUEUE_DEPTH,
  MAX_WORKERS,
  VERITY_HASHES,
} from './limits.ts';
export { DEFAULT_FEATURES } from './mkfs/features.ts';
export { checkFormat, type FormatOptions, type Formatted, format, planFormat, planSize } from './mkfs/format.ts';
export type { Geometry } from './mkfs/geometry.ts';
export type { FormatPlan } from './mkfs/plan.ts';
export { contentsOf, type DeviceContents, probe } from './mkfs/probe.ts';
export {
  MAX_BUDGET as MAX_CACHE_BYTES,
  MAX_FOLIO_PAGES,
  MIN_BUDGET as MIN_CACHE_BYTES,
} from './pagecache/pool.ts';
export {
  type BuildCompressionReport,
  type BuildProgress,
  type BuildReport,
  build,
} from './populate/build.ts';
export type { BuildCompression } from './populate/compress-choice.ts';
export type { BuildOptions, BuildSource, BuildVerity, Owner, PutOptions, PutPlace } from './populate/options.ts';
export { type PutReport, put } from './populate/put.ts';
export { countProblems, type Problem } from './problems.ts';
export type { HolePolicy } from './source/hole-policy.ts';
export type { TarSource } from './source/tar/scan.ts';
export {
  type ChangeCopyProgress,
  type ChangeFinishProgress,
  type ChangeImageOptions,
  type ChangeProgress,
  changeImage,
  type ImageChange,
} from './transaction/change-image.ts';
export type { VolumeCounters } from './volume/counters.ts';
export type { CleanPolicy } from './volume/victims.ts';
export type { EngineName } from './writeback/engines.ts';
