// Which files are hot or cold by their name's extension. Source: set_file_temperature, is_extension_exist.
import { EXTENSION_LEN, type Superblock } from '../format/superblock.ts';

const DOT = 0x2e;

/** The extension lists of a superblock, lower-case. */
export class Extensions {
  readonly #cold: Uint8Array[] = [];
  readonly #hot: Uint8Array[] = [];

  constructor(sb: Superblock) {
    const list = sb.extensionList;
    const nrCold = sb.extensionCount;
    for (let i = 0; i < nrCold + sb.hotExtCount; i++) {
      const field = list.subarray(i * EXTENSION_LEN, (i + 1) * EXTENSION_LEN);
      const end = field.indexOf(0);
      const extension = Uint8Array.from(end < 0 ? field : field.subarray(0, end), lower);
      if (extension.length > 0) (i < nrCold ? this.#cold : this.#hot).push(extension);
    }
  }

  /** `cold`, `hot`, or null when the name has none of the extensions. Cold ones are looked at first. */
  temperatureOf(name: Uint8Array): 'cold' | 'hot' | null {
    if (this.#cold.some((extension) => hasExtension(name, extension, true))) return 'cold';
    return this.#hot.some((extension) => hasExtension(name, extension, true)) ? 'hot' : null;
  }

  /** Whether the name ends in a hot extension: such a file is not compressed. Source: set_compress_new_inode. */
  isHotAtEnd(name: Uint8Array): boolean {
    return this.#hot.some((extension) => hasExtension(name, extension, false));
  }
}

export function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/**
 * Whether `name` ends in `.extension` (lower-case), or with `temporary` has it before a further extension. `*` fits all
 * names.
 */
export function hasExtension(name: Uint8Array, extension: Uint8Array, temporary: boolean): boolean {
  if (extension.length === 1 && extension[0] === 0x2a) return true;
  const last = name.length - extension.length - 1;
  for (let dot = last; dot >= (temporary ? 1 : Math.max(1, last)); dot--) {
    if (name[dot] !== DOT) continue;
    let i = 0;
    while (i < extension.length && lower(name[dot + 1 + i]) === extension[i]) i++;
    if (i === extension.length) return true;
  }
  return false;
}
