// Runs of blocks that one mapping call returns: typed arrays that are filled again and again.

export class ExtentList {
  /** First block address and count of blocks of each run. */
  blkaddr = new Uint32Array(64);
  count = new Uint32Array(64);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  /** Appends a run; one that continues the last becomes part of it. */
  add(blkaddr: number, count: number): void {
    const last = this.length - 1;
    if (last >= 0 && this.blkaddr[last] + this.count[last] === blkaddr) {
      this.count[last] += count;
      return;
    }
    if (this.length === this.blkaddr.length) {
      this.blkaddr = grown(this.blkaddr);
      this.count = grown(this.count);
    }
    this.blkaddr[this.length] = blkaddr;
    this.count[this.length++] = count;
  }
}

function grown(from: Uint32Array): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(from.length * 2);
  to.set(from);
  return to;
}
