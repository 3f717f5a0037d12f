// What a browser gets in place of Node's own does the same.
import * as fs from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as theirBuffer from '../../src/platform/browser/buffer.ts';
import * as theirBytes from '../../src/platform/browser/bytes.ts';
import * as theirCrc from '../../src/platform/browser/crc.ts';
import * as theirConstants from '../../src/platform/browser/open-constants.ts';
import * as theirPaths from '../../src/platform/browser/paths.ts';
import { sha256 as theirSha256 } from '../../src/platform/browser/sha256.ts';
import { sha512 as theirSha512 } from '../../src/platform/browser/sha512.ts';
import * as theirTypes from '../../src/platform/browser/types.ts';
import * as buffer from '../../src/platform/buffer.ts';
import * as bytes from '../../src/platform/bytes.ts';
import * as crc from '../../src/platform/crc.ts';
import * as constants from '../../src/platform/open-constants.ts';
import * as paths from '../../src/platform/paths.ts';
import { sha256 } from '../../src/platform/sha256.ts';
import { sha512 } from '../../src/platform/sha512.ts';
import * as types from '../../src/platform/types.ts';

const PACKAGE = resolve(import.meta.dirname, '../..');
const DIST = join(PACKAGE, 'dist/platform');
const MODULES = fs.readdirSync(DIST).filter((name) => name.endsWith('.js'));

describe('every module of the platform has one for the browser', () => {
  it('that package.json names', () => {
    const { browser } = JSON.parse(fs.readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
    const wanted = MODULES.map((name) => [`./dist/platform/${name}`, `./dist/platform/browser/${name}`]);
    expect(browser).toEqual(Object.fromEntries(wanted));
  });

  it.each(MODULES)('that exports the same: %s', async (name) => {
    const kinds = (module: object) => Object.entries(module).map(([key, value]) => [key, typeof value]);
    const here = await import(join(DIST, name));
    const there = await import(join(DIST, 'browser', name));
    expect(kinds(there).sort()).toEqual(kinds(here).sort());
  });

  it('that has the same codecs', async () => {
    const here = await import(join(DIST, 'codec-bytes.js'));
    const there = await import(join(DIST, 'browser/codec-bytes.js'));
    expect(Buffer.from(there.codecBytes())).toEqual(here.codecBytes());
  });
});

const someBytes = () => fc.uint8Array({ maxLength: 300 });
const someText = () => fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string());

describe('bytes and text', () => {
  it('of UTF-8', () => {
    fc.assert(
      fc.property(someText(), someBytes(), (text, some) => {
        expect(Array.from(theirBytes.utf8Bytes(text))).toEqual(Array.from(bytes.utf8Bytes(text)));
        expect(theirBytes.utf8Text(some)).toBe(bytes.utf8Text(some));
      }),
    );
    const marked = new Uint8Array([0xef, 0xbb, 0xbf, 0x61]);
    expect(theirBytes.utf8Text(marked)).toBe(bytes.utf8Text(marked));
    expect(Array.from(theirBytes.utf8Bytes('\ud800'))).toEqual(Array.from(bytes.utf8Bytes('\ud800')));
  });

  it('of Latin-1, also of more than a call takes as arguments', () => {
    fc.assert(
      fc.property(someBytes(), (some) => {
        expect(theirBytes.latin1Text(some)).toBe(bytes.latin1Text(some));
        expect(Array.from(theirBytes.latin1Bytes(bytes.latin1Text(some)))).toEqual(Array.from(some));
      }),
    );
    const many = new Uint8Array(200_000).fill(0xe9);
    expect(theirBytes.latin1Text(many)).toBe(bytes.latin1Text(many));
  });

  it('of base64url; what is none has no bytes', () => {
    const alphabet = fc.string({ unit: fc.constantFrom(...'AQgw_-z9+/= é'), maxLength: 6 });
    fc.assert(
      fc.property(someBytes(), fc.oneof(alphabet, someText()), (some, text) => {
        expect(theirBytes.base64urlText(some)).toBe(bytes.base64urlText(some));
        const wanted = bytes.base64urlBytes(text);
        const found = theirBytes.base64urlBytes(text);
        expect(found && Array.from(found)).toEqual(wanted && Array.from(wanted));
      }),
      { numRuns: 1000 },
    );
  });

  it('compared', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3, max: 1 }), fc.uint8Array({ maxLength: 3, max: 1 }), (one, other) => {
        expect(theirBytes.isSameBytes(one, other)).toBe(bytes.isSameBytes(one, other));
        expect(Math.sign(theirBytes.compareBytes(one, other))).toBe(Math.sign(bytes.compareBytes(one, other)));
      }),
    );
  });

  it('in a Buffer: what the calls in the shape of node:fs use of it', () => {
    const encodings = fc.constantFrom('utf8', 'latin1', 'hex', 'base64', 'utf16le', 'ascii');
    fc.assert(
      fc.property(someBytes(), someText(), encodings, (some, words, encoding) => {
        const { Buffer: Here } = buffer;
        const { Buffer: There } = theirBuffer;
        // What is no text of an encoding is cut elsewhere there.
        const text = encoding === 'utf8' ? words : Here.from(some).toString(encoding);
        expect(Array.from(There.from(text, encoding))).toEqual(Array.from(Here.from(text, encoding)));
        expect(There.from(some)).toBeInstanceOf(Uint8Array);
        // UTF-8 that is none has another count of replacement characters there: it is not made text of so.
        if (encoding !== 'utf8') expect(There.from(some).toString(encoding)).toBe(Here.from(some).toString(encoding));
      }),
    );
  });
});

describe('sums', () => {
  it('CRC-32, continued from any value', () => {
    fc.assert(
      fc.property(someBytes(), fc.integer({ min: 0, max: 0xffffffff }), (some, value) => {
        expect(theirCrc.crc32(some, value)).toBe(crc.crc32(some, value));
      }),
    );
  });

  it.each([
    ['SHA-256', sha256, theirSha256],
    ['SHA-512', sha512, theirSha512],
  ])('%s, of parts', (_, ours, theirs) => {
    fc.assert(
      fc.property(someBytes(), someBytes(), (one, other) => {
        expect(Array.from(theirs(one, other))).toEqual(Array.from(ours(one, other)));
        expect(Array.from(theirs(one))).toEqual(Array.from(ours(one, new Uint8Array(0))));
      }),
    );
  });
});

it('paths are joined as node:fs joins them', () => {
  const path = () => fc.string({ unit: fc.constantFrom('/', '.', '..', 'a', 'bc'), maxLength: 8 });
  fc.assert(
    fc.property(path(), path(), (one, other) => {
      expect(theirPaths.joinPaths(one, other)).toBe(paths.joinPaths(one, other));
    }),
    { numRuns: 2000 },
  );
});

it.runIf(process.platform === 'linux')('the numbers of open(2) and access(2) are those of Linux', () => {
  expect({ ...theirConstants }).toEqual({ ...constants });
});

it('values are told apart, whatever they say of themselves', () => {
  const liar = { [Symbol.toStringTag]: 'Uint8Array' };
  const values: [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['a Uint8Array', new Uint8Array(2)],
    ['a Buffer', Buffer.from('a')],
    ['a Uint8ClampedArray', new Uint8ClampedArray(2)],
    ['a DataView', new DataView(new ArrayBuffer(1))],
    ['an ArrayBuffer', new ArrayBuffer(1)],
    ['a SharedArrayBuffer', new SharedArrayBuffer(1)],
    ['a promise', Promise.resolve()],
    // biome-ignore lint/suspicious/noThenProperty: it is none.
    ['a thenable', { then: () => {} }],
    ['a function', () => {}],
    ['an async function', async () => {}],
    ['a method', { async method() {} }.method],
    ['a liar', liar],
    ['an heir', Object.create(Uint8Array.prototype)],
  ];
  const { isAnyArrayBuffer, isAsyncFunction, isPromise, isSharedArrayBuffer, isUint8Array } = theirTypes;
  const theirs = { isAnyArrayBuffer, isAsyncFunction, isPromise, isSharedArrayBuffer, isUint8Array };
  const told = ({ ...checks }: Record<string, (value: unknown) => boolean>) =>
    values.flatMap(([what, value]) => Object.keys(theirs).map((name) => [what, name, checks[name](value)]));
  expect(told(theirs)).toEqual(told(types));
});
