// What callers pass by mistake, made anew for each call, and what each kind of argument makes of it.

/** By a name for messages; a call gets one of its own. */
export const VALUES = {
  undefined: () => undefined,
  null: () => null,
  text: () => 'text',
  'empty text': () => '',
  'text with NUL': () => 'a\0b',
  'half a character': () => 'a\ud800b',
  zero: () => 0,
  one: () => 1,
  'minus zero': () => -0,
  'minus one': () => -1,
  fraction: () => 1.5,
  NaN: () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  '2^53': () => 2 ** 53,
  BigInt: () => 5n,
  true: () => true,
  symbol: () => Symbol('wrong'),
  function: () => () => {},
  object: () => ({}),
  'object without prototype': () => Object.create(null),
  'object that is no text': () => ({
    toString: () => {
      throw new RangeError('nobody should ask');
    },
  }),
  array: () => [],
  'array of numbers': () => [1, 2, 3],
  Date: () => new Date(0),
  Uint8Array: () => new Uint8Array([0x61, 0x62, 0x63]),
  'empty Uint8Array': () => new Uint8Array(0),
  Buffer: () => Buffer.from('abc'),
  Uint16Array: () => new Uint16Array(4),
  DataView: () => new DataView(new ArrayBuffer(8)),
  ArrayBuffer: () => new ArrayBuffer(8),
  SharedArrayBuffer: () => new SharedArrayBuffer(8),
  'detached bytes': () => {
    const bytes = new Uint8Array(8);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    return bytes;
  },
  'bytes that can grow': () => new Uint8Array(resizable(3, 64)).fill(0x61),
  'bytes out of bounds': () => {
    const buffer = resizable(8, 64);
    const bytes = new Uint8Array(buffer, 4);
    buffer.resize(2);
    return bytes;
  },
  'shared bytes': () => new Uint8Array(new SharedArrayBuffer(3)).fill(0x61),
  'shared bytes that can grow': () => new Uint8Array(growable(3, 64)).fill(0x61),
} satisfies Record<string, () => unknown>;

export type ValueName = keyof typeof VALUES;
export const VALUE_NAMES = Object.keys(VALUES) as ValueName[];

interface Resizable extends ArrayBuffer {
  resize(length: number): void;
}

// The types that the project is compiled with know of neither.
function resizable(length: number, maxByteLength: number): Resizable {
  const Maker = ArrayBuffer as unknown as new (length: number, limits: { maxByteLength: number }) => Resizable;
  return new Maker(length, { maxByteLength });
}

function growable(length: number, maxByteLength: number): SharedArrayBuffer {
  const Maker = SharedArrayBuffer as unknown as new (
    length: number,
    limits: { maxByteLength: number },
  ) => SharedArrayBuffer;
  return new Maker(length, { maxByteLength });
}

/** A kind of argument. */
export interface Kind<W> {
  /** One that is right. */
  readonly good: (world: W) => unknown;
  /** What else is of that kind: the call may succeed, or fail with any errno. */
  readonly takes: ReadonlySet<ValueName>;
  /** With what it is refused when it is not of that kind. */
  readonly codes: readonly string[];
  /** Of an object: each field by its kind. */
  readonly fields: Readonly<Record<string, Kind<W>>> | null;
  /** Whether it may have more fields than these, as one of any class; else they are refused. */
  readonly isOpen?: boolean;
}

export const ALL_BYTES = [
  'Uint8Array',
  'empty Uint8Array',
  'Buffer',
  'bytes that can grow',
  'shared bytes',
  'shared bytes that can grow',
] as const satisfies ValueName[];
export const ALL_OBJECTS = [
  'object',
  'object without prototype',
  'Date',
  'ArrayBuffer',
  'SharedArrayBuffer',
] as const satisfies ValueName[];

export function kind<W>(good: (world: W) => unknown, takes: readonly ValueName[], ...codes: string[]): Kind<W> {
  return { good, takes: new Set(takes), codes: codes.length === 0 ? ['EINVAL'] : codes, fields: null };
}

/** An object with fields, all of which may be left out unless `required`. */
export function fields<W, T extends object>(
  of: { readonly [K in keyof Required<T>]: Kind<W> },
  good: (world: W) => unknown = () => ({}),
): Kind<W> {
  return { good, takes: new Set(ALL_OBJECTS), codes: ['EINVAL'], fields: of as Record<string, Kind<W>> };
}

export function optional<W>(it: Kind<W>): Kind<W> {
  return { ...it, takes: new Set([...it.takes, 'undefined']) };
}

export function nullable<W>(it: Kind<W>): Kind<W> {
  return { ...it, takes: new Set([...it.takes, 'undefined', 'null']) };
}
