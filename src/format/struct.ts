// Declares an on-disk structure once, as a table of fields, and makes a class of it whose accessors read and write a
// DataView in place. Little-endian throughout, packed, as every structure of f2fs_fs.h is.
import { corrupt } from '../errors.ts';

/** Reads and writes one field kind; `at` makes the accessor for a field of that kind at a byte offset. */
export interface FieldKind<T> {
  /** Bytes on disk. */
  readonly size: number;
  at(offset: number, name: string): { get(this: StructView): T; set(this: StructView, value: T): void };
}

/** A structure laid over bytes: `base` may be moved to look at another one through the same object. */
export class StructView {
  // Declared only: a class field is defined before it is assigned, which for many classes with one constructor is slow.
  declare dv: DataView;
  /** Byte offset of the structure in `dv`. */
  declare base: number;
  constructor(dv: DataView, base = 0) {
    this.dv = dv;
    this.base = base;
  }
}

type Fields = Record<string, FieldKind<number> | FieldKind<Uint8Array>>;
type ValueOf<K> = K extends FieldKind<infer T> ? T : never;

export interface StructClass<F extends Fields> {
  new (dv: DataView, base?: number): StructView & { -readonly [K in keyof F]: ValueOf<F[K]> };
  /** Bytes on disk. */
  readonly size: number;
  /** Byte offset of each field. */
  readonly offsets: { readonly [K in keyof F]: number };
  /** Byte offset of each field's end. */
  readonly ends: { readonly [K in keyof F]: number };
}

export const u8: FieldKind<number> = {
  size: 1,
  at: (offset) => ({
    get() {
      return this.dv.getUint8(this.base + offset);
    },
    set(value) {
      this.dv.setUint8(this.base + offset, value);
    },
  }),
};

export const u16: FieldKind<number> = {
  size: 2,
  at: (offset) => ({
    get() {
      return this.dv.getUint16(this.base + offset, true);
    },
    set(value) {
      this.dv.setUint16(this.base + offset, value, true);
    },
  }),
};

export const u32: FieldKind<number> = {
  size: 4,
  at: (offset) => ({
    get() {
      return this.dv.getUint32(this.base + offset, true);
    },
    set(value) {
      this.dv.setUint32(this.base + offset, value, true);
    },
  }),
};

/** Whether an unsigned 64-bit field at byte `at` is a number that no count or size exceeds: below 2^53. */
export function fitsU64(dv: DataView, at: number): boolean {
  return dv.getUint32(at + 4, true) < 0x20_0000;
}

/** Whether a signed one is within ±2^53. */
export function fitsI64(dv: DataView, at: number): boolean {
  const high = dv.getInt32(at + 4, true);
  return high < 0x20_0000 && high >= -0x20_0000;
}

/** An unsigned 64-bit count or size as a number; reading one of 2^53 or more is EUCLEAN (no count can be that large). */
export const u64: FieldKind<number> = {
  size: 8,
  at: (offset, name) => ({
    get() {
      const high = this.dv.getUint32(this.base + offset + 4, true);
      if (high >= 0x20_0000) throw corrupt('u64-range', {}, name);
      return high * 0x1_0000_0000 + this.dv.getUint32(this.base + offset, true);
    },
    set(value) {
      this.dv.setUint32(this.base + offset, value % 0x1_0000_0000, true);
      this.dv.setUint32(this.base + offset + 4, Math.floor(value / 0x1_0000_0000), true);
    },
  }),
};

/** A signed 64-bit count of seconds as a number; out of ±2^53 is EUCLEAN. */
export const i64: FieldKind<number> = {
  size: 8,
  at: (offset, name) => ({
    get() {
      const high = this.dv.getInt32(this.base + offset + 4, true);
      if (high >= 0x20_0000 || high < -0x20_0000) throw corrupt('i64-range', {}, name);
      return high * 0x1_0000_0000 + this.dv.getUint32(this.base + offset, true);
    },
    set(value) {
      const high = Math.floor(value / 0x1_0000_0000);
      this.dv.setUint32(this.base + offset, value - high * 0x1_0000_0000, true);
      this.dv.setInt32(this.base + offset + 4, high, true);
    },
  }),
};

/** A byte array: read as a view on the structure, written as a copy, zero-padded. Allocates; not for hot paths. */
export function bytes(size: number): FieldKind<Uint8Array> {
  return {
    size,
    at: (offset) => ({
      get() {
        return new Uint8Array(this.dv.buffer, this.dv.byteOffset + this.base + offset, size);
      },
      set(value) {
        const field = new Uint8Array(this.dv.buffer, this.dv.byteOffset + this.base + offset, size);
        field.fill(0);
        field.set(value.subarray(0, size));
      },
    }),
  };
}

/**
 * Makes the class of a packed structure from its fields in disk order. The sum of the field sizes is asserted against
 * `size` when the module loads.
 */
export function struct<const F extends Fields>(name: string, size: number, fields: F): StructClass<F> {
  const offsets: Record<string, number> = {};
  const ends: Record<string, number> = {};
  class View extends StructView {
    static readonly size = size;
    static readonly offsets = offsets;
    static readonly ends = ends;
  }
  Object.defineProperty(View, 'name', { value: name });
  let offset = 0;
  for (const [field, kind] of Object.entries(fields)) {
    offsets[field] = offset;
    const accessor = kind.at(offset, `${name}.${field}`);
    Object.defineProperty(View.prototype, field, accessor as PropertyDescriptor);
    offset += kind.size;
    ends[field] = offset;
  }
  if (offset !== size) throw new Error(`struct ${name} is ${offset} bytes, should be ${size}`);
  return View as unknown as StructClass<F>;
}

/** A DataView over the bytes of `array`. */
export function viewOf(array: Uint8Array): DataView {
  return new DataView(array.buffer, array.byteOffset, array.byteLength);
}
