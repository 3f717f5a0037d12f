// Names that cover every way in which a name is folded, and others by which each may be found, or not.
import { CaseFolding } from '../../src/format/casefold.ts';
import { NAME_LEN_MAX } from '../../src/format/constants.ts';
import { type Random, random } from '../random.ts';

/** A name, and another by which it is to be found, or is not. */
type Probe = readonly [name: Uint8Array, other: Uint8Array];

const FOLDING = new CaseFolding(0);
/** Bytes that names are filled up to, and that they may fold to. */
const FULL = 250;

function* codePoints(): Generator<number> {
  for (let codePoint = 1; codePoint <= 0x10ffff; codePoint++) {
    if (codePoint !== 0x2f && (codePoint < 0xd800 || codePoint > 0xdfff)) yield codePoint;
  }
}

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text));
const folded = (text: string) => Buffer.from(FOLDING.fold(bytesOf(text)) ?? []).toString();

/** Every code point is in one of them: a name that is found by its hash alone has all of its own folded rightly. */
export function namesOfAll(): Uint8Array[] {
  const names: Uint8Array[] = [];
  let name = '0.';
  let length = name.length;
  for (const codePoint of codePoints()) {
    const symbol = String.fromCodePoint(codePoint);
    const most = Math.max(Buffer.byteLength(symbol), FOLDING.fold(bytesOf(`x${symbol}`))?.length ?? 0);
    if (length + most > FULL) {
      names.push(bytesOf(name));
      name = `${names.length.toString(36)}.`;
      length = name.length;
    }
    name += symbol;
    length += most;
  }
  return [...names, bytesOf(name)];
}

/** What the directory finds names by. */
export function keyOf(name: Uint8Array): string {
  const bytes = FOLDING.fold(name);
  return bytes === null ? `bytes ${Buffer.from(name).toString('hex')}` : Buffer.from(bytes).toString('hex');
}

/** Pairs of which no two names are the same. */
export function probes(seed: number): Probe[] {
  const found: Probe[] = [];
  const keys = new Set<string>();
  for (const probe of candidates(random(seed))) {
    const [name, other] = probe;
    const isName = (it: Uint8Array) =>
      it.length > 0 && it.length <= NAME_LEN_MAX && !it.includes(0x2f) && !it.includes(0);
    const key = keyOf(name);
    if (!isName(name) || !isName(other) || keys.has(key)) continue;
    keys.add(key);
    found.push(probe);
  }
  return found;
}

function* candidates(randoms: Random): Generator<Probe> {
  let index = 0;
  const texts = (name: string, other: string): Probe => {
    index++;
    return [bytesOf(`${index}${name}`), bytesOf(`${index}${other}`)];
  };
  const marks: string[] = [];
  for (const codePoint of codePoints()) {
    const symbol = String.fromCodePoint(codePoint);
    if (/\p{M}/u.test(symbol)) marks.push(symbol);
    const plain = folded(`x${symbol}`).slice(1);
    const isHangul = codePoint >= 0xac00 && codePoint <= 0xd7a3;
    if (plain !== symbol && (!isHangul || codePoint % 7 === 0)) yield texts(`f${symbol}z`, `F${plain}Z`);
    // What this Node.js has later rules for is in no table of 12.1.0.
    const later = symbol.normalize('NFD').toLowerCase();
    if (plain === symbol && later !== symbol) yield texts(`l${symbol}`, `l${later}`);
  }
  for (let i = 0; i < 3000; i++) {
    const some = Array.from({ length: 2 + randoms.below(4) }, () => marks[randoms.below(marks.length)]);
    yield texts(`M${some.join('')}`, `m${some.reverse().join('')}`);
    yield texts(`N${some.join('')}`, `n${some.join('').normalize('NFD')}`);
  }
  for (let i = 0; i < 4000; i++) yield invalid(randoms, marks, (index++).toString());
  for (let length = 1; length <= NAME_LEN_MAX; length++) {
    for (const letters of ['N', '\u00c4', '\u1f82', '\uac01', '\ufb03', '\u{1e921}']) {
      const name = letters
        .repeat(Math.floor(length / Buffer.byteLength(letters)))
        .padEnd(length, '-')
        .slice(0, length);
      yield [bytesOf(name), bytesOf(name.toLowerCase().replaceAll('\u00e4', 'a\u0308'))];
    }
  }
  for (const ignorable of ['\u200b', '\u200d', '\u034f', '\ufe0f', '\u{e0041}', '\u2065']) {
    // Of what is left as nothing Linux finds what it has in its cache by nothing else.
    yield [bytesOf(ignorable), bytesOf(ignorable)];
    for (const around of ['.', '..', 'a']) yield [bytesOf(around + ignorable), bytesOf(`\u200c${around}`)];
  }
}

/** Bytes that may be UTF-8 or not, and others that are nearly the same. */
function invalid(randoms: Random, marks: readonly string[], prefix: string): Probe {
  const pieces = Array.from({ length: 1 + randoms.below(4) }, () => {
    const mark = Buffer.from(marks[randoms.below(marks.length)]);
    switch (randoms.below(8)) {
      case 0:
        return mark.subarray(0, 1 + randoms.below(mark.length));
      case 1:
        return Buffer.of(0x80 + randoms.below(0x40));
      case 2:
        return Buffer.of(0xc0 + randoms.below(0x40), 0x80 + randoms.below(0x40));
      case 3:
        return Buffer.of(0xe0 + randoms.below(0x10), 0x80 + randoms.below(0x40), 0x80 + randoms.below(0x80));
      case 4:
        return Buffer.of(0xf0 + randoms.below(0x10), ...Array.from({ length: 3 }, () => 0x80 + randoms.below(0x48)));
      case 5:
        return Buffer.of(0x41 + randoms.below(26));
      case 6:
        return Buffer.of(0xed, 0x80 + randoms.below(0x40), 0x80 + randoms.below(0x40));
      default:
        return mark;
    }
  });
  const name = Buffer.concat([Buffer.from(randoms.below(10) > 0 ? `${prefix}Q` : ''), ...pieces]);
  const other =
    randoms.below(4) > 0
      ? Buffer.from(name)
      : Buffer.from(name.filter((byte) => (byte & 0xc0) !== 0x80 || byte > 0x90));
  const lower = other.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));
  return [new Uint8Array(name), new Uint8Array(randoms.below(3) > 0 ? lower : (FOLDING.fold(name) ?? lower))];
}
