// What belongs to a call where nothing follows its awaits: it is everybody's until the call ends. So calls of others that are made
// meanwhile count as made within it. That lets them go ahead of its end; to take calls within it for others' would have it wait
// for itself.
export class CallContext<T> {
  #store: T | undefined;

  run<R>(store: T, work: () => R): R {
    this.#store = store;
    return work();
  }

  getStore(): T | undefined {
    return this.#store;
  }

  disable(): void {
    this.#store = undefined;
  }
}
