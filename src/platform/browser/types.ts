// Of which kind a value is, by what the engine lets everybody see.

type Getter = (this: unknown) => unknown;

function getterOf(prototype: object, name: PropertyKey): Getter {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get as Getter;
}

const nameOf = getterOf(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);
const ownLength = getterOf(ArrayBuffer.prototype, 'byteLength');
/** A page that is not isolated does not see them. */
const sharedLength =
  typeof SharedArrayBuffer === 'undefined' ? null : getterOf(SharedArrayBuffer.prototype, 'byteLength');

/** Whether a getter takes the value for one of its kind. */
function isOf(getter: Getter, value: unknown): boolean {
  try {
    getter.call(value);
    return true;
  } catch {
    return false;
  }
}

export function isUint8Array(value: unknown): value is Uint8Array {
  return nameOf.call(value) === 'Uint8Array';
}

export function isSharedArrayBuffer(value: unknown): value is SharedArrayBuffer {
  return sharedLength !== null && isOf(sharedLength, value);
}

export function isAnyArrayBuffer(value: unknown): value is ArrayBufferLike {
  return isOf(ownLength, value) || isSharedArrayBuffer(value);
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise;
}

export function isAsyncFunction(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object AsyncFunction]';
}

/** Nobody but Node tells. */
export function isProxy(_value: unknown): boolean {
  return false;
}
