import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CaseFolding, encodingText, foldsTo, parseEncoding } from '../../src/format/casefold.ts';
import { hashOf, nameHash } from '../../src/format/hash.ts';
import { casefoldTable } from '../../tools/casefold-table.ts';
import { projectRoot } from '../../tools/judge/paths.ts';
import { namesOfAll } from './casefold-names.ts';

const FOLDING = new CaseFolding(0);
const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const textOf = (folded: Uint8Array | null) => folded && Buffer.from(folded).toString();

test('the table is what its maker makes, with this Node.js too', () => {
  expect(readFileSync(join(projectRoot, 'src/format/casefold-table.ts'), 'utf8')).toBe(casefoldTable());
});

test.each([
  ['ReadMe.TXT', 'readme.txt'],
  ['Straße', 'strasse'],
  ['\u00c5ngstr\u00f6m', 'a\u030angstro\u0308m'],
  ['\u212bngstro\u0308m', 'a\u030angstro\u0308m'],
  ['\u1fb7', '\u03b1\u0342\u03b9'],
  ['\uac01', '\u1100\u1161\u11a8'],
  ['e\u0301\u0323', 'e\u0323\u0301'],
  ['a\u200bB\ufe0f', 'ab'],
  // Ignorable, so what combines does not pass it.
  ['e\u0301\u034f\u0323', 'e\u0301\u0323'],
  // Not assigned in 12.1.0, whatever it is later.
  ['\ua7c7\u{105c9}', '\ua7c7\u{105c9}'],
  ['\u0130', 'i\u0307'],
])('%s folds to %s', (name, folded) => {
  expect(textOf(FOLDING.fold(bytes(name)))).toBe(folded);
  expect(foldsTo(bytes(name), bytes(folded))).toBe(true);
  expect(FOLDING.hash(bytes(name))).toBe(nameHash(bytes(folded)));
});

test.each([
  ['no UTF-8', Uint8Array.of(0x61, 0xff)],
  ['a lead byte alone', Uint8Array.of(0x61, 0xc3)],
  ['a long form', Uint8Array.of(0xc0, 0x80)],
  ['a surrogate', Uint8Array.of(0xed, 0xa0, 0x80)],
  ['past the last code point', Uint8Array.of(0xf4, 0x90, 0x80, 0x80)],
  ['a continuation byte first', Uint8Array.of(0x80, 0x61)],
  ['nothing left', bytes('\u200b')],
  ['255 bytes', bytes('A'.repeat(255))],
  ['255 bytes once it is folded', bytes('\u1f82'.repeat(37))],
])('%s: hashed as it is', (_, name) => {
  expect(FOLDING.fold(name)).toBeNull();
  expect(FOLDING.hash(name)).toBe(hashOf(name));
});

test('stray continuation bytes are folded as by Linux: with each look at what combines they come up again', () => {
  expect(FOLDING.fold(Uint8Array.of(0x41, 0x80))).toEqual(Uint8Array.of(0x61, 0x80));
  const name = Uint8Array.of(0x65, 0xcc, 0x81, 0x80);
  expect(FOLDING.fold(name)).toEqual(Uint8Array.of(0x65, 0x80, 0xcc, 0x81, 0x80));
});

test('what folds to a dot is no dot', () => {
  expect(FOLDING.hash(bytes('.\u200b'))).toBe(hashOf(bytes('.')));
  expect(nameHash(bytes('.'))).toBe(0);
});

test('a name that is folded is folded again to the same', () => {
  for (const name of namesOfAll().filter((_, i) => i % 50 === 0)) {
    const folded = FOLDING.fold(name) as Uint8Array;
    expect(FOLDING.fold(folded)).toEqual(folded);
  }
});

test('encodings are told as they are given', () => {
  for (const text of ['utf8', 'utf8:strict', 'utf8:hashonly', 'utf8:strict:hashonly']) {
    expect(encodingText(1, parseEncoding(text))).toBe(text);
  }
  expect(parseEncoding('utf8:strict,hashonly')).toBe(3);
  expect(encodingText(7, 0)).toBe('7');
  for (const text of ['', 'utf16', 'utf8:', 'utf8:lax', 'strict'])
    expect(() => parseEncoding(text)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});
