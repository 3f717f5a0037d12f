// Bytes as text in which nothing is lost or hidden.
import { utf8Bytes, utf8Text } from './platform/bytes.ts';

/** Characters that a terminal acts on or does not show: controls, formatting (direction!), separators, unassigned. */
export const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Cn}]/gu;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `\x1b` for each byte. */
export function hexEscape(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

/** The text of bytes that are UTF-8; null for others. */
export function utf8(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/** Length of the UTF-8 character at `at`, 0 when there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    if (utf8(bytes.subarray(at, at + length)) !== null) return length;
  }
  return 0;
}

/**
 * Bytes as text of one line: what is hidden, or is not UTF-8, as `hidden` writes its bytes. `shown` goes over the rest, for the
 * characters that escapes begin with.
 */
export function escapedBytes(
  bytes: Uint8Array,
  hidden: (bytes: Uint8Array) => string,
  shown: (text: string) => string,
): string {
  const visible = (text: string) => shown(text).replace(HIDDEN, (character) => hidden(utf8Bytes(character)));
  const whole = utf8(bytes);
  if (whole !== null) return visible(whole);
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    const part = bytes.subarray(at, at + Math.max(length, 1));
    text += length === 0 ? hidden(part) : visible(utf8Text(part));
    at += part.length;
  }
  return text;
}
