// Runs of blocks that one mapping call returns: typed arrays that are filled again and again.

export class ExtentList {
  /** First block address and count of blocks of each run, and whether it is the block that the pages had before. */
  blkaddr = new Uint32Array(64);
  count = new Uint32Array(64);
  inPlace = new Uint8Array(64);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  /** Appends a run; one that continues the last becomes part of it. */
  add(blkaddr: number, count: number, inPlace = false): void {
    const last = this.length - 1;
    const kind = inPlace ? 1 : 0;
    if (last >= 0 && this.blkaddr[last] + this.count[last] === blkaddr && this.inPlace[last] === kind) {
      this.count[last] += count;
      return;
    }
    if (this.length === this.blkaddr.length) this.#grow();
    this.blkaddr[this.length] = blkaddr;
    this.count[this.length] = count;
    this.inPlace[this.length++] = kind;
  }

  #grow(): void {
    const { blkaddr, count, inPlace } = this;
    this.blkaddr = new Uint32Array(2 * blkaddr.length);
    this.count = new Uint32Array(2 * count.length);
    this.inPlace = new Uint8Array(2 * inPlace.length);
    this.blkaddr.set(blkaddr);
    this.count.set(count);
    this.inPlace.set(inPlace);
  }
}
