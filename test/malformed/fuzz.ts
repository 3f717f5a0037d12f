// One damaged image by its seed, and what is done to it: mounted, read, changed, mounted and read again, each in bounded time
// and memory. Whatever the image says, nothing but an F2fsError may come out.
import type { Base } from './base.ts';
import { DamagedImage } from './damaged-image.ts';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import { session } from './session.ts';
import { readEverything } from './walker.ts';
import { beat } from './watchdog.ts';
import { writeBeside } from './writer.ts';

/** CPU time that one image may take, of all threads, and memory that the process may gain by it. */
const MAX_CPU_MS = 2000;
const MAX_BYTES = 256 << 20;
/** What is looked at before and after a session, and where nothing else is to be lost (one image of BESIDE). */
const GLANCE = { fileBytes: 32 << 10, entries: 60 };
const WHOLE = { fileBytes: 64 << 10, entries: 5000 };
const BESIDE = 30;
const MAX_STEPS = 10;

/** One damaged image and what was done to it. */
export interface Fuzzed {
  readonly image: DamagedImage;
  readonly what: string;
  /** Goes on where the damage ended. */
  readonly random: Random;
}

export function damagedBy(seed: number, bases: readonly Base[]): Fuzzed {
  const random = new Random(seed);
  const image = new DamagedImage(random.pick(bases));
  return { image, what: mutate(image, random), random };
}

/**
 * Tries one image. Throws an error that names the seed and the damage. What takes too much is tried once more: it may have
 * been billed for the garbage of others.
 */
export function tryImage(seed: number, bases: readonly Base[]): void {
  const first = costs(seed, bases);
  if (first === null) return;
  const again = costs(seed, bases);
  if (again !== null) throw new Error(`${first}; again: ${again}`);
}

/** Tries one image; says what it took if that was too much. */
function costs(seed: number, bases: readonly Base[]): string | null {
  const { image, what, random } = damagedBy(seed, bases);
  const where = `seed ${seed}: ${what}`;
  beat(where);
  const before = process.memoryUsage.rss();
  const start = process.cpuUsage();
  const steps: string[] = [];
  try {
    use(image, random, steps);
    if (seed % BESIDE === 0) checkNeighbours(image);
  } catch (cause) {
    throw new Error(`${where}; ${steps.join(', ')}`, { cause });
  }
  const { user, system } = process.cpuUsage(start);
  const cpuMs = (user + system) / 1000;
  const gained = process.memoryUsage.rss() - before;
  if (cpuMs <= MAX_CPU_MS && gained <= MAX_BYTES) return null;
  return `${where}; ${steps.join(', ')}: ${cpuMs} ms of CPU time, ${Math.round(gained / 2 ** 20)} MiB`;
}

/** Reads and changes a damaged image; notes the steps of the session. */
function use(image: DamagedImage, random: Random, steps: string[]): void {
  const { cacheBytes, writable, inos } = image.base;
  readEverything(image.device(), GLANCE, { cacheBytes, random });
  if (!writable) return;
  const device = image.device();
  session(device, { paths: [...inos.keys()], random, nrSteps: 1 + random.below(MAX_STEPS), cacheBytes, steps });
  readEverything(device, GLANCE, { cacheBytes, random });
}

/** Files made beside the damage take nothing away from what could be read. */
function checkNeighbours(image: DamagedImage): void {
  const { cacheBytes, writable } = image.base;
  if (!writable) return;
  const { seen } = readEverything(image.device(), WHOLE, { cacheBytes });
  const { spoilt } = writeBeside(image, seen, WHOLE);
  if (spoilt.length > 0) throw new Error(`spoilt by a writer: ${spoilt.join('; ')}`);
}
