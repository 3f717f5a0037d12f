// The pages of one cluster that a page walk has gathered so far. Source: struct compress_ctx in fs/f2fs/f2fs.h.

/**
 * Its pages count as clean already, though nothing was sent yet: in the kernel they are locked meanwhile. Whoever takes
 * frames away (reclaimFrames) must find it empty.
 */
export class ClusterContext {
  /** Pages of a cluster. */
  readonly nrPages: number;
  /** First page of the cluster, -1 while there is none. Source: cluster_idx. */
  first = -1;
  /** Pages gathered, ascending. Source: rpages. */
  readonly pages: number[] = [];

  constructor(nrPages: number) {
    this.nrPages = nrPages;
  }

  get isEmpty(): boolean {
    return this.pages.length === 0;
  }

  /** Source: f2fs_cluster_can_merge_page. */
  canMerge(index: number): boolean {
    return this.isEmpty || this.firstOf(index) === this.first;
  }

  firstOf(index: number): number {
    return index - (index % this.nrPages);
  }

  /** Source: f2fs_compress_ctx_add_page. */
  add(index: number): void {
    this.first = this.firstOf(index);
    this.pages.push(index);
  }

  /** Whether all pages of the cluster below page `eof` are here. */
  isWhole(eof: number): boolean {
    return this.pages.length > 0 && this.pages.length >= Math.min(this.nrPages, eof - this.first);
  }

  /** Source: f2fs_cluster_is_full; and no page past the end of the file, cluster_has_invalid_data. */
  isFull(eof: number): boolean {
    return this.pages.length === this.nrPages && this.first + this.nrPages <= eof;
  }

  /** Empties the context and gives what was in it. Source: f2fs_destroy_compress_ctx. */
  take(): number[] {
    this.first = -1;
    return this.pages.splice(0);
  }
}
