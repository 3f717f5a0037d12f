// Turns of the event loop.

/** Calls back when all that waits had its turn. */
export function nextTurn(work: () => void): void {
  setImmediate(work);
}
