// Bytes and text, by Node's Buffer, which is the fastest there. What these give may be a Buffer, or share the memory of others.

/** The UTF-8 of a text; half a character becomes the replacement character. */
export function utf8Bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

/** The text of UTF-8; what is none becomes replacement characters. */
export function utf8Text(bytes: Uint8Array): string {
  return bufferOf(bytes).toString();
}

/** A byte for each character, which must be below 256. */
export function latin1Bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** A character for each byte. */
export function latin1Text(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('latin1');
}

/** Base64 with `-` and `_`, and without padding. */
export function base64urlText(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('base64url');
}

/** The bytes that `base64urlText` makes this text of; null when there are none. */
export function base64urlBytes(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, 'base64url');
  // Whatever is no base64url is skipped by the decoder.
  return bytes.toString('base64url') === text ? bytes : null;
}

export function isSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Below 0, 0 or above: in the order of their bytes. */
export function compareBytes(one: Uint8Array, other: Uint8Array): number {
  return Buffer.compare(one, other);
}
