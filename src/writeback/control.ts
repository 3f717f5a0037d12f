// What a walk over dirty pages is asked to do. Source: struct writeback_control in include/linux/writeback.h.

/**
 * NONE: memory is wanted back, or time has passed; a page that can't be written now is left. ALL: someone waits for the
 * data; every page that is dirty when the walk begins is written.
 */
export const WB_SYNC = { NONE: 0, ALL: 1 } as const;
export type SyncMode = (typeof WB_SYNC)[keyof typeof WB_SYNC];

export interface WritebackRequest {
  syncMode: SyncMode;
  /** Pages to submit before a NONE walk ends; it goes past them by the run at hand. Default: no limit. */
  nrToWrite?: number;
  /** Pages [start, end) of the file. Default: all. */
  start?: number;
  end?: number;
  /** Goes on where the last cyclic walk stopped, to the end of the file; start and end do not count. */
  rangeCyclic?: boolean;
  /** Tags the pages first even for NONE, as ALL does. */
  taggedWritepages?: boolean;
  /** The file is being synced, and few of its pages are dirty. Source: FI_NEED_IPU. */
  needInPlace?: boolean;
  /** Called where no frame number is held, before pages are read to make a cluster whole. */
  reclaimFrames?: () => void;
}

/** A request on its way. */
export class WritebackControl {
  readonly syncMode: SyncMode;
  /** Falls by what was submitted. */
  nrToWrite: number;
  readonly start: number;
  readonly end: number;
  readonly rangeCyclic: boolean;
  readonly tagged: boolean;
  readonly needInPlace: boolean;
  readonly reclaimFrames: () => void;
  /** Dirty pages that a NONE walk left because someone was waiting for an ALL one. */
  pagesSkipped = 0;

  constructor(request: WritebackRequest) {
    this.syncMode = request.syncMode;
    this.nrToWrite = request.nrToWrite ?? Number.POSITIVE_INFINITY;
    this.rangeCyclic = request.rangeCyclic ?? false;
    this.start = this.rangeCyclic ? 0 : (request.start ?? 0);
    this.end = this.rangeCyclic ? Number.POSITIVE_INFINITY : (request.end ?? Number.POSITIVE_INFINITY);
    this.tagged = request.syncMode === WB_SYNC.ALL || request.taggedWritepages === true;
    this.needInPlace = request.needInPlace ?? false;
    this.reclaimFrames = request.reclaimFrames ?? (() => undefined);
  }

  get isWholeRange(): boolean {
    return !this.rangeCyclic && this.start === 0 && this.end === Number.POSITIVE_INFINITY;
  }

  /** Whether a walk that has submitted what it was asked for ends here. */
  get hasWrittenEnough(): boolean {
    return this.nrToWrite <= 0 && this.syncMode === WB_SYNC.NONE;
  }
}
