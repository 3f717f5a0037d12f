// Of which kind a value is, whatever it says of itself, and without running any code of its own.
import { types } from 'node:util';

export const { isAnyArrayBuffer, isAsyncFunction, isPromise, isProxy, isSharedArrayBuffer, isUint8Array } = types;
