// The names of one directory of the host as bytes, without a string or an object for each.

/** Names of one directory, without `.` and `..`; reused for the next one. */
export class DirNames {
  /** Each name ends with a NUL. */
  bytes = new Uint8Array(1 << 18);
  starts = new Uint32Array(1024);
  count = 0;

  /** Sorts by bytes. */
  sort(): void {
    const { bytes } = this;
    this.starts.subarray(0, this.count).sort((a, b) => {
      let x = bytes[a];
      let y = bytes[b];
      for (let i = 1; x === y && x !== 0; i++) {
        x = bytes[a + i];
        y = bytes[b + i];
      }
      return x - y;
    });
  }

  /** One name, whatever the directory holds. */
  setOnly(name: Uint8Array): void {
    this.reserve(name.length + 1);
    this.bytes.set(name);
    this.bytes[name.length] = 0;
    this.count = 0;
    this.push(0);
  }

  push(start: number): void {
    if (this.count === this.starts.length) {
      const starts = new Uint32Array(this.count * 2);
      starts.set(this.starts);
      this.starts = starts;
    }
    this.starts[this.count++] = start;
  }

  /** Makes room for `sizeBytes` in all. */
  reserve(sizeBytes: number): void {
    if (sizeBytes <= this.bytes.length) return;
    const bytes = new Uint8Array(Math.max(sizeBytes, this.bytes.length * 2));
    bytes.set(this.bytes);
    this.bytes = bytes;
  }

  /** Offset of the NUL that ends the name. */
  end(start: number): number {
    let end = start;
    while (this.bytes[end] !== 0) end++;
    return end;
  }
}
