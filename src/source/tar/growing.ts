// Arrays of numbers that grow: no object a number.

/** The same array, or a copy with room for `length` numbers or more. */
export function grown<T extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(array: T, length: number): T {
  if (length <= array.length) return array;
  const Kind = array.constructor as new (length: number) => T;
  const larger = new Kind(Math.max(length, array.length * 2, 1024));
  larger.set(array as never);
  return larger;
}
