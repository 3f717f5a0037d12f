// Methods refuse what they do not take: an option without effect is an error, and JavaScript would drop it without a word.
import { checkOptions, shown } from '../check.ts';
import { F2fsError } from '../errors.ts';
import { isAsyncFunction } from '../platform/types.ts';

type Method = (...args: never[]) => unknown;

/** How many arguments each method of `T` takes that is not one of `Base`; the compiler holds the numbers against the methods. */
export type ArgumentCounts<T, Base = unknown> = {
  readonly [K in Exclude<keyof T, keyof Base | symbol> as T[K] extends Method ? K : never]: T[K] extends Method
    ? Required<Parameters<T[K]>>['length']
    : never;
};

/** Has the methods of a class throw EINVAL, or reject with it, for more than they take; nothing, null and no options at all are fine. */
export function limitArguments(of: { readonly prototype: object }, counts: Readonly<Record<string, number>>): void {
  const methods = of.prototype as Record<string, Method>;
  for (const [name, count] of Object.entries(counts)) {
    const method = methods[name];
    const isAsync = isAsyncFunction(method);
    // By its name in messages of JavaScript's own.
    const { [name]: limited } = {
      [name](this: unknown, ...args: never[]): unknown {
        if (args.length > count) {
          const error = surplusError(name, count, args);
          if (error !== null && isAsync) return Promise.reject(error);
          if (error !== null) throw error;
        }
        return method.apply(this, args);
      },
    };
    Object.defineProperty(methods, name, { value: limited, writable: true, configurable: true });
  }
}

function surplusError(name: string, count: number, args: readonly unknown[]): unknown {
  for (const value of args.slice(count)) {
    if (value === undefined || value === null) continue;
    try {
      if (typeof value === 'object' && !Array.isArray(value) && !ArrayBuffer.isView(value))
        checkOptions(name, value, {});
      else throw tooMany(name, count, value);
    } catch (error) {
      return error;
    }
  }
  return null;
}

function tooMany(name: string, count: number, value: unknown): F2fsError {
  const takes = count === 0 ? 'no argument' : `${count} argument${count === 1 ? '' : 's'}`;
  return new F2fsError('EINVAL', `${name} takes ${takes}: ${shown(value)} is one too many`);
}
