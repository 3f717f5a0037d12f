// Speeds changes to a large directory: where each name hash stands, and how many slots each block has free. Built by one
// pass over the directory, then kept by its changes; the dentry blocks stay the truth.
const EMPTY = 0;
const DELETED = -1;
/** Blocks whose free slots are kept in one piece: a directory may have blocks far apart. */
const PIECE = 512;
/** Of the table at first: most directories have few entries. A power of two. */
const FIRST_SIZE = 256;

/** Where an entry stands. Whoever looks for it owns it. */
export class IndexCursor {
  /** Its place in the table. */
  at = 0;
  block = 0;
  slot = 0;
}

export class DirectoryIndex {
  /** Places of a block: the next power of two above its slots. */
  readonly #blockPlaces: number;
  /** Open addressing by hash: hash and place (block * blockPlaces + slot + 1) of each entry. */
  #hashes = new Uint32Array(FIRST_SIZE);
  #places = new Float64Array(FIRST_SIZE);
  /** Places that are not EMPTY, and those of them that are not DELETED. */
  #used = 0;
  #live = 0;
  /** One more than the free slots of each block; 0 for a block that does not exist, whose slots are all free. */
  readonly #freeSlots = new Map<number, Uint16Array>();

  /** @param dentriesPerBlock slots of a block */
  constructor(dentriesPerBlock: number) {
    this.#blockPlaces = 1 << (32 - Math.clz32(dentriesPerBlock));
  }

  /** Notes the entry in slot `slot` of block `block`. */
  insert(hash: number, block: number, slot: number): void {
    if (this.#used * 4 >= this.#hashes.length * 3) this.#grow();
    this.#put(hash, block * this.#blockPlaces + slot + 1);
    this.#used++;
    this.#live++;
  }

  remove(hash: number, block: number, slot: number): void {
    const place = block * this.#blockPlaces + slot + 1;
    for (let at = this.#start(hash); this.#places[at] !== EMPTY; at = (at + 1) & (this.#hashes.length - 1)) {
      if (this.#places[at] === place) {
        this.#places[at] = DELETED;
        this.#live--;
        return;
      }
    }
  }

  /** Finds the first entry of that hash; false when there is none. */
  first(hash: number, entry: IndexCursor): boolean {
    return this.#find(hash, this.#start(hash), entry);
  }

  /** Finds the one after it, where nothing has changed since. */
  next(hash: number, entry: IndexCursor): boolean {
    return this.#find(hash, (entry.at + 1) & (this.#hashes.length - 1), entry);
  }

  #find(hash: number, from: number, entry: IndexCursor): boolean {
    const mask = this.#hashes.length - 1;
    for (let at = from; this.#places[at] !== EMPTY; at = (at + 1) & mask) {
      if (this.#hashes[at] !== hash || this.#places[at] === DELETED) continue;
      const place = this.#places[at] - 1;
      entry.at = at;
      entry.block = Math.floor(place / this.#blockPlaces);
      entry.slot = place & (this.#blockPlaces - 1);
      return true;
    }
    return false;
  }

  /** Free slots of a block; `whenAbsent` for one that does not exist. */
  freeSlots(block: number, whenAbsent: number): number {
    const known = this.#freeSlots.get(Math.floor(block / PIECE))?.[block % PIECE] ?? 0;
    return known === 0 ? whenAbsent : known - 1;
  }

  setFreeSlots(block: number, count: number): void {
    const index = Math.floor(block / PIECE);
    let piece = this.#freeSlots.get(index);
    if (piece === undefined) {
      piece = new Uint16Array(PIECE);
      this.#freeSlots.set(index, piece);
    }
    piece[block % PIECE] = count + 1;
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

  /** Makes room, by a larger table or by doing away with what was deleted. */
  #grow(): void {
    const hashes = this.#hashes;
    const places = this.#places;
    const size = this.#live * 2 >= hashes.length ? hashes.length * 2 : hashes.length;
    this.#hashes = new Uint32Array(size);
    this.#places = new Float64Array(size);
    this.#used = 0;
    for (let i = 0; i < places.length; i++) {
      if (places[i] === EMPTY || places[i] === DELETED) continue;
      this.#put(hashes[i], places[i]);
      this.#used++;
    }
  }
}
