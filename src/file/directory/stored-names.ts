// Names as a directory stores them, and as they are shown. They differ in an encrypted directory only: it stores ciphertext, which may
// hold any byte. Without the key such a name is shown as Linux shows it: base64url of its hash and of the ciphertext. Source:
// fs/crypto/fname.c.
import { viewOf } from '../../format/struct.ts';
import { base64urlBytes, base64urlText, isSameBytes, latin1Bytes, latin1Text } from '../../platform/bytes.ts';
import { sha256 } from '../../platform/sha256.ts';

/** A name as a directory stores it, to be looked for. */
export interface StoredName {
  readonly hash: number;
  /** All its bytes; with a digest the first ones. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes that follow; null when there are none. */
  readonly digest: Uint8Array | null;
  /** What it folds to, where another name that folds to the same is as good; else null. */
  readonly folded: Uint8Array | null;
}

const DOT = 0x2e;

/** `.` or `..`. */
export function isDots(name: Uint8Array): boolean {
  return name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT));
}

/** The hash of the name, then 32 bits that F2FS has no use for. */
const HEADER_BYTES = 8;
/** Bytes of ciphertext that are shown; a digest stands for those after them. Source: struct fscrypt_nokey_name. */
const SHOWN_BYTES = 149;
const DIGEST_BYTES = 32;
/** Of a name that is shown with a digest. */
const LONG_BYTES = HEADER_BYTES + SHOWN_BYTES + DIGEST_BYTES;
/** No ciphertext of a name is shorter. Source: FSCRYPT_FNAME_MIN_MSG_LEN. */
export const MIN_CIPHERTEXT_BYTES = 16;

/** How a name of an encrypted directory is shown without the key. Source: fscrypt_fname_disk_to_usr. */
export function shownWithoutKey(ciphertext: Uint8Array, hash: number): Uint8Array {
  const isLong = ciphertext.length > SHOWN_BYTES;
  const shown = new Uint8Array(isLong ? LONG_BYTES : HEADER_BYTES + ciphertext.length);
  viewOf(shown).setUint32(0, hash, true);
  shown.set(ciphertext.subarray(0, SHOWN_BYTES), HEADER_BYTES);
  if (isLong) shown.set(digestOf(ciphertext), HEADER_BYTES + SHOWN_BYTES);
  return new Uint8Array(latin1Bytes(base64urlText(shown)));
}

/** What `shownWithoutKey` made a name of; null for what it never gives. Source: fscrypt_setup_filename. */
export function storedFromShown(name: Uint8Array): StoredName | null {
  const bytes = base64urlBytes(latin1Text(name));
  if (bytes === null) return null;
  const { length } = bytes;
  if (length <= HEADER_BYTES || (length > HEADER_BYTES + SHOWN_BYTES && length !== LONG_BYTES)) return null;
  const isLong = length === LONG_BYTES;
  return {
    hash: viewOf(bytes).getUint32(0, true),
    bytes: bytes.subarray(HEADER_BYTES, HEADER_BYTES + SHOWN_BYTES),
    digest: isLong ? bytes.subarray(HEADER_BYTES + SHOWN_BYTES) : null,
    folded: null,
  };
}

/** Whether a directory's bytes are the name that is looked for. Source: fscrypt_match_name. */
export function isStoredAs(stored: Uint8Array, { bytes, digest }: StoredName): boolean {
  if (digest === null) return isSameBytes(stored, bytes);
  if (stored.length <= SHOWN_BYTES || !isSameBytes(stored.subarray(0, SHOWN_BYTES), bytes)) return false;
  return isSameBytes(digestOf(stored), digest);
}

function digestOf(ciphertext: Uint8Array): Uint8Array {
  return sha256(ciphertext.subarray(SHOWN_BYTES));
}
