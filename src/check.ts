// What callers pass, checked before anything is done with it. Relies on errors.ts alone.
import { F2fsError } from './errors.ts';
import { isProxy, isUint8Array } from './platform/types.ts';

/** Characters of a text that a message shows. */
const MAX_SHOWN = 60;

/** A value for a message: short, and shown without running any code of the caller's. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > MAX_SHOWN ? `'${value.slice(0, MAX_SHOWN)}...'` : `'${value}'`;
    case 'bigint':
      return `${value}n`;
    case 'symbol':
    case 'function':
      return `a ${typeof value}`;
    case 'object':
      if (value === null) return 'null';
      if (isProxy(value)) return 'an object';
      if (Array.isArray(value)) return 'an array';
      if (isUint8Array(value)) return 'a Uint8Array';
      return 'an object';
    default:
      return String(value);
  }
}

/** The EINVAL for a value that can't be: `invalid mode '99999': expected 0 to 07777`. */
export function invalid(what: string, value: unknown, expected: string): F2fsError {
  return new F2fsError('EINVAL', `invalid ${what} ${shown(value)}: expected ${expected}`);
}

/** Throws EINVAL for what `what` can't be. */
export type Check = (value: unknown, what: string) => void;

/** One check for each option. */
export type OptionChecks<T> = { readonly [K in keyof Required<T>]: Check };

/**
 * Throws EINVAL for options that are no object, for one that there is not, and for a value that one can't have. What is undefined
 * counts as left out. `of` is who takes them, for the message.
 */
export function checkOptions<T extends object>(of: string, options: T, checks: OptionChecks<T>): void {
  checkObject(options, `options of ${of}`);
  for (const name in options) {
    const value: unknown = options[name];
    if (value === undefined) continue;
    if (!Object.hasOwn(checks, name)) throw unknownOption(of, name, Object.keys(checks));
    checks[name](value, name);
  }
}

/** The EINVAL for an option that there is not. */
export function unknownOption(of: string, name: string, known: readonly string[]): F2fsError {
  return new F2fsError('EINVAL', `unknown option ${shown(name)} of ${of}: expected ${known.join(', ') || 'none'}`);
}

/** Throws EINVAL for what is no object to take options or fields from. */
export function checkObject(value: unknown, what: string): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)) return;
  throw invalid(what, value, 'an object');
}

export const isBoolean: Check = (value, what) => {
  if (typeof value !== 'boolean') throw invalid(what, value, 'true or false');
};

export const isFunction: Check = (value, what) => {
  if (typeof value !== 'function') throw invalid(what, value, 'a function');
};

/** Text that has bytes of its own, as names and paths of the host need: neither NUL nor half a character in it. */
export const isText: Check = (value, what) => {
  if (typeof value !== 'string') throw invalid(what, value, 'a string');
  checkText(value, what);
};

export const isSignal: Check = (value, what) => {
  if (!(value instanceof AbortSignal)) throw invalid(what, value, 'an AbortSignal');
};

/** A whole number within bounds; `unit` says of what. */
export function isWhole(least: number, most: number, unit = ''): Check {
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
  return (value, what) => {
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return;
    throw invalid(what, value, `a whole number${unit && ` of ${unit}`} ${range}`);
  };
}

/** A number within bounds, whole or not. */
export function isNumber(least: number, most: number): Check {
  return (value, what) => {
    if (typeof value === 'number' && value >= least && value <= most) return;
    throw invalid(what, value, `a number from ${least} to ${most}`);
  };
}

/** Throws EINVAL for what is no position, size or count. */
export function checkIndex(value: number, what: string): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw invalid(what, value, 'a whole number from 0 on');
}

/** One of the words. */
export function isOneOf(choices: readonly string[]): Check {
  return (value, what) => {
    if (!choices.includes(value as string)) throw invalid(what, value, choices.join(' or '));
  };
}

/** Any of the checks is enough; `expected` says what they want together. */
export function isEither(expected: string, ...checks: readonly Check[]): Check {
  return (value, what) => {
    for (const check of checks) {
      try {
        check(value, what);
        return;
      } catch (error) {
        if (!(error instanceof F2fsError)) throw error;
      }
    }
    throw invalid(what, value, expected);
  };
}

/** An array of what `check` takes. */
export function isList(check: Check): Check {
  return (value, what) => {
    if (!Array.isArray(value)) throw invalid(what, value, 'an array');
    for (const one of value as unknown[]) check(one, what);
  };
}

/** An object with these fields; none that is `required` may be missing. */
export function isOptions<T extends object>(
  checks: OptionChecks<T>,
  required: readonly (keyof T & string)[] = [],
): Check {
  return (value, what) => {
    checkOptions(what, value as T, checks);
    for (const name of required)
      if ((value as T)[name] === undefined) throw invalid(what, value, `an object with ${required.join(' and ')}`);
  };
}

/** Throws EINVAL for a value that is none of the choices. */
export function checkChoice<T extends string>(choices: readonly T[], value: T, what: string): T {
  isOneOf(choices)(value, what);
  return value;
}

/** With the flag u it finds the half of a pair of UTF-16 that stands alone, and nothing else. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

/** Throws EINVAL for a text that holds a zero, or half a character, which UTF-8 has no bytes for. */
export function checkText(text: string, what: string): void {
  if (text.includes('\0')) throw invalid(what, text.replaceAll('\0', '\\0'), 'no NUL in it');
  if (LONE_SURROGATE.test(text)) throw invalid(what, text, 'whole characters: without half of a surrogate pair');
}

/** Throws EINVAL for what is no Uint8Array, or one whose memory went to another thread or was made shorter. */
export function checkBytes(bytes: Uint8Array, what: string): void {
  if (!isUint8Array(bytes)) throw invalid(what, bytes, 'a Uint8Array: make one of its buffer');
  if (bytes.length > 0) return;
  try {
    bytes.subarray();
  } catch (cause) {
    throw memoryLost(what, cause);
  }
}

/** The EINVAL for bytes that are there no more. */
export function memoryLost(what: string, cause: unknown): F2fsError {
  const message = `invalid ${what}: its memory was transferred or made shorter, pass a copy`;
  return new F2fsError('EINVAL', message, { cause });
}
