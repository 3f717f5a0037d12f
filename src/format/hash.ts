// The hash that places a name in its directory: ext3's half-MD4-like TEA variant over 16-byte pieces.
const DELTA = 0x9e3779b9;
const input = new Uint32Array(4);

/** Packs up to 16 bytes of `name` from `at` into four words, padded with the length left. Source: str2hashbuf. */
function fillInput(name: Uint8Array, at: number, left: number): void {
  let pad = left | (left << 8);
  pad |= pad << 16;
  const count = Math.min(left, 16);
  let word = 0;
  let value = pad;
  for (let i = 0; i < count; i++) {
    if ((i & 3) === 0) value = pad;
    value = name[at + i] + (value << 8);
    if ((i & 3) === 3) {
      input[word++] = value;
      value = pad;
    }
  }
  if (word < 4) input[word++] = value;
  while (word < 4) input[word++] = pad;
}

/**
 * Hash of a name of 1 to 255 bytes; 0 for `.` and `..`. Source: f2fs_hash_filename of a directory that is neither
 * casefolded nor encrypted.
 */
export function nameHash(name: Uint8Array): number {
  const length = name.length;
  return name[0] === 0x2e && (length === 1 || (length === 2 && name[1] === 0x2e)) ? 0 : hashOf(name);
}

/** The same of any bytes, `.` and `..` too. Source: TEA_hash_name. */
export function hashOf(name: Uint8Array): number {
  const length = name.length;
  let b0 = 0x67452301 | 0;
  let b1 = 0xefcdab89 | 0;
  for (let at = 0, left = length; ; at += 16, left -= 16) {
    fillInput(name, at, left);
    const a = input[0] | 0;
    const b = input[1] | 0;
    const c = input[2] | 0;
    const d = input[3] | 0;
    let sum = 0;
    let x = b0;
    let y = b1;
    for (let n = 0; n < 16; n++) {
      sum = (sum + DELTA) | 0;
      x = (x + ((((y << 4) + a) | 0) ^ ((y + sum) | 0) ^ (((y >>> 5) + b) | 0))) | 0;
      y = (y + ((((x << 4) + c) | 0) ^ ((x + sum) | 0) ^ (((x >>> 5) + d) | 0))) | 0;
    }
    b0 = (b0 + x) | 0;
    b1 = (b1 + y) | 0;
    if (left <= 16) break;
  }
  return b0 >>> 0;
}
