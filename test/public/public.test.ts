// Every function, constructor and method that is exported, called with every wrong argument: each ends, with an F2fsError of the right
// errno or as what the argument stands for, and leaves a sound volume. What is exported and not in the table fails here.
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FileDevice } from '../../src/device/file-device.ts';
import { FileSystem } from '../../src/fs/file-system.ts';
import * as f2fs from '../../src/index.ts';
import { fsckDevice } from '../fs/fsck-device.ts';
import { beat, watch } from '../malformed/watchdog.ts';
import { wordingFault } from '../messages.ts';
import { ACCESSORS, CALLS, type Call, CONSTANTS, INTERNAL, SYMBOLS } from './calls.ts';
import type { World } from './kinds.ts';
import { type Kind, VALUE_NAMES, VALUES } from './values.ts';
import { makeWorld } from './world.ts';

/** Ends what it is called on: a world of its own. */
const ENDS = /\.(close|abandon|dispose|asyncDispose)$/;

// A relative path of the host is one in here.
let watchdog: ReturnType<typeof watch>;
const home = process.cwd();
let place: string;
beforeAll(() => {
  place = nodeFs.mkdtempSync(join(tmpdir(), 'f2fs-public-cwd-'));
  process.chdir(place);
  watchdog = watch();
});
afterAll(async () => {
  await watchdog.stop();
  process.chdir(home);
  nodeFs.rmSync(place, { recursive: true });
});

function methodsOf(name: string, it: { prototype: object }): string[] {
  const names = Reflect.ownKeys(it.prototype).filter((key) => key !== 'constructor');
  const symbols = new Map<symbol, string>(Object.entries(SYMBOLS).map(([text, symbol]) => [symbol, text]));
  return names.map((key) => `${name}.${typeof key === 'symbol' ? symbols.get(key) : key}`);
}

test('the table has all that is exported, and nothing else', () => {
  const found: string[] = [];
  const classes: Record<string, { prototype: object }> = { FileSystem, FileDevice };
  for (const [name, it] of Object.entries(f2fs)) {
    if (typeof it !== 'function') found.push(name);
    else if (/^class /.test(String(it))) {
      classes[name] = it as never;
      found.push(`new ${name}`);
    } else found.push(name);
  }
  for (const [name, it] of Object.entries(classes)) found.push(...methodsOf(name, it));
  // FileHandle closes as a Handle does; further rows for the same call have a comma.
  const known = [...CALLS.keys()].filter((name) => !name.includes(','));
  expect(found.sort()).toEqual([...known, ...CONSTANTS, ...INTERNAL, ...ACCESSORS].sort());
});

/** A value for an argument, and whether it is of its kind. */
interface Variant {
  label: string;
  make: (world: World) => unknown;
  isTaken: boolean;
  codes: readonly string[];
}

function* variantsOf(kind: Kind<World>): Generator<Variant> {
  for (const label of VALUE_NAMES)
    yield { label, make: VALUES[label], isTaken: kind.takes.has(label), codes: kind.codes };
  if (kind.fields === null) return;
  for (const [field, of] of Object.entries(kind.fields)) {
    for (const { label, make, isTaken, codes } of variantsOf(of)) {
      const put = (world: World) => ({ ...(kind.good(world) as object), [field]: make(world) });
      yield { label: `${field}: ${label}`, make: put, isTaken, codes };
    }
  }
  const unknown = (world: World) => ({ ...(kind.good(world) as object), nonsense: true });
  yield { label: 'an unknown field', make: unknown, isTaken: kind.isOpen === true, codes: kind.codes };
}

/** Lets go of what a call gave. */
async function tidy(result: unknown): Promise<void> {
  if (result instanceof FileSystem) result.abandon();
  else if (result instanceof f2fs.AsyncFileSystem) await result.run((fs) => fs.abandon());
  else if (result instanceof f2fs.Handle || result instanceof FileDevice) result.close();
  else if (result instanceof f2fs.AsyncFileHandle) await result.close();
}

/** `works`, the code of an F2fsError, or what else it came to. */
async function outcomeOf(call: Call, world: World, args: unknown[]): Promise<string> {
  let result: unknown;
  try {
    result = await call.run(world, args);
  } catch (error) {
    if (!(error instanceof f2fs.F2fsError)) return `threw ${(error as Error)?.stack ?? String(error)}`;
    if (!/^E[A-Z0-9]+$/.test(error.code)) return `threw an F2fsError with the code ${error.code}`;
    const fault = wordingFault(error.code, error.message, 'library');
    if (fault !== null) return `threw an error that says ${fault}`;
    return error.code;
  }
  // Of the mount at hand nothing is let go.
  if (result !== world.fs && result !== world.async) await tidy(result);
  return 'works';
}

/** What is wrong with how a call took its arguments, of all the ways to call it. */
async function faultsOf(name: string, call: Call, world: World): Promise<string[]> {
  const faults: string[] = [];
  const good = () => call.args.map((kind) => kind.good(world));
  const attempt = async (label: string, args: unknown[], isRight: (outcome: string) => boolean) => {
    beat(`${name}: ${label}`);
    const outcome = await outcomeOf(call, world, args);
    if (!isRight(outcome)) faults.push(`${name}(${label}): ${outcome}`);
  };
  const isTyped = (outcome: string) => !outcome.startsWith('threw');
  await attempt('good', good(), isTyped);
  await attempt('nothing', [], isTyped);
  await attempt('one more', [...good(), {}], isTyped);
  for (const [i, kind] of call.args.entries()) {
    for (const { label, make, isTaken, codes } of variantsOf(kind)) {
      const args = good();
      args[i] = make(world);
      await attempt(`${i}: ${label}`, args, (it) => (isTaken ? isTyped(it) : codes.includes(it)));
    }
  }
  return faults;
}

/** A class, or what has none. */
function groupOf(name: string): string {
  if (name.startsWith('new ')) return 'constructors';
  return name.includes('.') ? name.slice(0, name.indexOf('.')) : 'functions';
}

describe('wrong arguments', () => {
  test.each([...new Set([...CALLS.keys()].map(groupOf))])('%s', async (group) => {
    const faults: string[] = [];
    const common = await makeWorld();
    const worlds = [common];
    for (const [name, call] of CALLS) {
      if (groupOf(name) !== group) continue;
      const world = ENDS.test(name) ? await makeWorld() : common;
      if (world !== common) worlds.push(world);
      faults.push(...(await faultsOf(name, call, world)));
    }
    expect(faults).toEqual([]);
    for (const world of worlds) {
      world.fs.close();
      world.remove();
      expect((await fsckDevice(world.device)).complaints).toEqual([]);
      f2fs.mount(world.device).close();
    }
  });
});

/** What takes no options, or none behind those that it takes, is told such all the same by those who are used to node:fs. */
const MORE: readonly [unknown, message: RegExp | null][] = [
  [{ nonsense: true }, /^unknown option 'nonsense' of \w+: expected none$/],
  [{ recursive: undefined }, null],
  [{}, null],
  [null, null],
  ['utf8', /^\w+ takes (no argument|\d arguments?): 'utf8' is one too many$/],
  [0, /^\w+ takes (no argument|\d arguments?): 0 is one too many$/],
  [[], /^\w+ takes (no argument|\d arguments?): an array is one too many$/],
];
/** Not those of the synchronous handles, which are called for each entry of a tree: there the look costs a twelfth of the CPU time. */
const LIMITED = /^(FileSystem|AsyncFileSystem|AsyncFileHandle)\./;

test.each(MORE)('one argument more than a method takes: %j', async (more, message) => {
  const common = await makeWorld();
  const worlds = [common];
  const faults: string[] = [];
  for (const [name, call] of CALLS) {
    // A handle's text and options are rows of their own for the same method, with fewer arguments.
    if (!LIMITED.test(name) || name.includes(',') || Object.keys(SYMBOLS).some((symbol) => name.endsWith(`.${symbol}`)))
      continue;
    const world = ENDS.test(name) && message === null ? await makeWorld() : common;
    if (world !== common) worlds.push(world);
    beat(name);
    let failure: unknown = null;
    try {
      await tidy(await call.run(world, [...call.args.map((kind) => kind.good(world)), more]));
    } catch (error) {
      failure = error;
    }
    const said = failure instanceof f2fs.F2fsError ? failure.message : String(failure);
    const isSurplus = failure instanceof f2fs.F2fsError && failure.code === 'EINVAL' && /too many|nonsense/.test(said);
    if (message === null ? isSurplus : !(isSurplus && message.test(said))) faults.push(`${name}: ${said}`);
  }
  expect(faults).toEqual([]);
  for (const world of worlds) {
    world.fs.close();
    world.remove();
  }
});

test('after close every call on a volume and its handles is EBADF', async () => {
  const world = await makeWorld();
  world.fs.close();
  const outcomes: string[] = [];
  for (const [name, call] of CALLS) {
    if (!name.includes('.') || /Device\./.test(name)) continue;
    beat(name);
    const outcome = await outcomeOf(
      call,
      world,
      call.args.map((kind) => kind.good(world)),
    );
    if (outcome !== (call.afterClose === 'works' ? 'works' : 'EBADF')) outcomes.push(`${name}: ${outcome}`);
  }
  world.remove();
  expect(outcomes).toEqual([]);
});
