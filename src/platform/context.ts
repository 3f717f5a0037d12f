// What belongs to a call, and to all that is called within it: it follows awaits and callbacks.
export { AsyncLocalStorage as CallContext } from 'node:async_hooks';
