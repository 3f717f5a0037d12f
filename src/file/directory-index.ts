// Speeds changes to a large directory: where each name hash stands, and how many slots each block has free. Built by one
// pass over the directory, then kept by its changes; the dentry blocks stay the truth.

const EMPTY = 0;
const DELETED = 0xffffffff;

export class DirectoryIndex {
  /** Open addressing by hash: hash and place (block * 256 + slot + 1) of each entry. */
  #hashes = new Uint32Array(1024);
  #places = new Uint32Array(1024);
  #used = 0;
  #freeSlots = new Uint8Array(64);
  /** 1 for a block that exists; a block that does not has all its slots free. */
  #present = new Uint8Array(64);

  /** Notes the entry in slot `slot` of block `block`. */
  insert(hash: number, block: number, slot: number): void {
    if (this.#used * 4 >= this.#hashes.length * 3) this.#grow();
    this.#put(hash, block * 256 + slot + 1);
    this.#used++;
  }

  remove(hash: number, block: number, slot: number): void {
    const place = block * 256 + slot + 1;
    for (let at = this.#start(hash); this.#places[at] !== EMPTY; at = (at + 1) & (this.#hashes.length - 1)) {
      if (this.#places[at] === place) {
        this.#places[at] = DELETED;
        return;
      }
    }
  }

  /** Calls `visit` with the block and slot of each entry of that hash until it returns true. */
  find(hash: number, visit: (block: number, slot: number) => boolean): boolean {
    for (let at = this.#start(hash); this.#places[at] !== EMPTY; at = (at + 1) & (this.#hashes.length - 1)) {
      if (this.#hashes[at] !== hash || this.#places[at] === DELETED) continue;
      const place = this.#places[at] - 1;
      if (visit(Math.floor(place / 256), place % 256)) return true;
    }
    return false;
  }

  /** Free slots of a block; `whenAbsent` for one that does not exist. */
  freeSlots(block: number, whenAbsent: number): number {
    return block < this.#present.length && this.#present[block] === 1 ? this.#freeSlots[block] : whenAbsent;
  }

  setFreeSlots(block: number, count: number): void {
    while (block >= this.#present.length) {
      this.#freeSlots = grown(this.#freeSlots);
      this.#present = grown(this.#present);
    }
    this.#freeSlots[block] = count;
    this.#present[block] = 1;
  }

  #start(hash: number): number {
    return (Math.imul(hash, 0x9e3779b1) >>> 7) & (this.#hashes.length - 1);
  }

  #put(hash: number, place: number): void {
    let at = this.#start(hash);
    while (this.#places[at] !== EMPTY) at = (at + 1) & (this.#hashes.length - 1);
    this.#hashes[at] = hash;
    this.#places[at] = place;
  }

  #grow(): void {
    const hashes = this.#hashes;
    const places = this.#places;
    this.#hashes = new Uint32Array(hashes.length * 2);
    this.#places = new Uint32Array(places.length * 2);
    this.#used = 0;
    for (let i = 0; i < places.length; i++) {
      if (places[i] === EMPTY || places[i] === DELETED) continue;
      this.#put(hashes[i], places[i]);
      this.#used++;
    }
  }
}

function grown(from: Uint8Array): Uint8Array<ArrayBuffer> {
  const to = new Uint8Array(from.length * 2);
  to.set(from);
  return to;
}
