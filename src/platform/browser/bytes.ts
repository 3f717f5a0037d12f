// Bytes and text where there is no Buffer.

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
/** Characters that one call takes as its arguments. */
const MAX_CHARACTERS = 8192;

export function utf8Bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

export function utf8Text(bytes: Uint8Array): string {
  // Browsers decode no shared memory.
  return decoder.decode(bytes.slice());
}

export function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function latin1Text(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += MAX_CHARACTERS)
    text += String.fromCharCode(...bytes.subarray(at, at + MAX_CHARACTERS));
  return text;
}

export function base64urlText(bytes: Uint8Array): string {
  return btoa(latin1Text(bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export function base64urlBytes(text: string): Uint8Array | null {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return null;
  const bytes = latin1Bytes(atob(text.replaceAll('-', '+').replaceAll('_', '/')));
  // The last character may have bits that no byte takes.
  return base64urlText(bytes) === text ? bytes : null;
}

export function isSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

export function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length);
  for (let i = 0; i < length; i++) if (one[i] !== other[i]) return one[i] - other[i];
  return one.length - other.length;
}
