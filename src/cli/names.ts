// Names and paths between the volume, where they are bytes, and terminals, where they must not do harm.
import { escapedBytes, HIDDEN, hexEscape, utf8 } from '../escaped-bytes.ts';
import { UsageError } from './usage-error.ts';

export { escapedBytes, utf8 };

const BACKSLASH = 0x5c;
const SLASH = 0x2f;

/** `\u009b`, as JSON has it; a character past U+FFFF is two of them. */
function jsonEscape(character: string): string {
  return Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
}

/** Text with hidden characters as \xNN; it stays one line. */
export function printable(text: string): string {
  return text.replace(HIDDEN, (character) => hexEscape(Buffer.from(character)));
}

/** A document of JSON whose text has hidden characters as \\uNNNN; with `indent` it is laid out in lines. */
export function jsonText(value: unknown, indent?: number): string {
  // Within text JSON has no line ends: those that are there lay it out.
  return JSON.stringify(value, null, indent).replace(HIDDEN, (character) =>
    character === '\n' ? character : jsonEscape(character),
  );
}

/** A name for people: a backslash is doubled, bytes that are not printable UTF-8 are \xNN. `unescaped` undoes it. */
export function escaped(name: Uint8Array): string {
  return escapedBytes(name, hexEscape, (text) => text.replaceAll('\\', '\\\\'));
}

/** The bytes of what `escaped` printed. Throws UsageError. */
function unescaped(text: string): Uint8Array {
  const parts: Uint8Array[] = [];
  let rest = 0;
  for (const match of text.matchAll(/\\(?:x([0-9a-fA-F]{2})|(\\)|)/g)) {
    parts.push(Buffer.from(text.slice(rest, match.index)));
    if (match[0] === '\\')
      throw new UsageError(`invalid name '${text}': expected one as ls prints it, where \\ begins \\xNN or \\\\`);
    parts.push(Uint8Array.of(match[2] === undefined ? Number.parseInt(match[1], 16) : BACKSLASH));
    rest = match.index + match[0].length;
  }
  parts.push(Buffer.from(text.slice(rest)));
  return Buffer.concat(parts);
}

/** A path of the volume as the command line has it; with `asPrinted` in the form that ls prints. */
export function volumePath(argument: string, asPrinted = false): Uint8Array {
  return asPrinted ? unescaped(argument) : Buffer.from(argument);
}

/** Whether a path can only mean a directory. */
export function endsWithSlash(path: Uint8Array): boolean {
  return path.length > 0 && path[path.length - 1] === SLASH;
}

/** `{ name }`, and `nameHex` where the bytes are not UTF-8, for JSON. */
export function jsonName(key: string, bytes: Uint8Array): Record<string, string> {
  const text = utf8(bytes);
  if (text !== null) return { [key]: text };
  return { [key]: Buffer.from(bytes).toString(), [`${key}Hex`]: Buffer.from(bytes).toString('hex') };
}
