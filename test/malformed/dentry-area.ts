// A dentry area to be damaged: its slots found by name, its fields set without any check.

import { type DentryLayout, DIR_ENTRY_SIZE, DirEntry, SLOT_LEN } from '../../src/format/dentry.ts';
import { viewOf } from '../../src/format/struct.ts';
import { DENTRY_BLOCK } from '../blocks-of-4k.ts';

/** One entry, where it stands. */
export interface DentrySlot {
  readonly area: DentryArea;
  readonly slot: number;
  readonly entry: InstanceType<typeof DirEntry>;
  /** The bytes of its name. */
  readonly name: Uint8Array;
}

export class DentryArea {
  readonly bytes: Uint8Array;
  readonly layout: DentryLayout;
  readonly #at: number;

  constructor(bytes: Uint8Array, at: number, layout: DentryLayout) {
    this.bytes = bytes;
    this.layout = layout;
    this.#at = at;
  }

  static block(bytes: Uint8Array): DentryArea {
    return new DentryArea(bytes, 0, DENTRY_BLOCK);
  }

  isUsed(slot: number): boolean {
    return (this.bytes[this.#at + (slot >>> 3)] & (1 << (slot & 7))) !== 0;
  }

  setUsed(slot: number, used: boolean): void {
    const bit = 1 << (slot & 7);
    if (used) this.bytes[this.#at + (slot >>> 3)] |= bit;
    else this.bytes[this.#at + (slot >>> 3)] &= ~bit;
  }

  at(slot: number): DentrySlot {
    const entry = new DirEntry(viewOf(this.bytes), this.#at + this.layout.entries + slot * DIR_ENTRY_SIZE);
    const start = this.#at + this.layout.names + slot * SLOT_LEN;
    return { area: this, slot, entry, name: this.bytes.subarray(start, start + entry.nameLen) };
  }

  find(name: string): DentrySlot | null {
    for (let slot = 0; slot < this.layout.slots; slot++) {
      if (!this.isUsed(slot)) continue;
      const found = this.at(slot);
      if (Buffer.from(found.name).toString() === name) return found;
    }
    return null;
  }
}
