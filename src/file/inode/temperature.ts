// Which files are hot or cold: by their name's extension, and by how much of them is written. Source: set_file_temperature,
// is_extension_exist, __get_segment_type_6.
import { LOG, type Log } from '../../format/constants.ts';
import { ADVISE } from '../../format/inode.ts';
import { EXTENSION_LEN, type Superblock } from '../../format/superblock.ts';

/** Up to this many pages to be written a file counts as hot. Source: DEF_MIN_HOT_BLOCKS. */
const MIN_HOT_BLOCKS = 16;

const DOT = 0x2e;
const STAR = 0x2a;

/** The log that pages of a regular file go to. Source: __get_segment_type_6. */
export function logOfFile(advise: number, isCompressed: boolean, nrPages: number): Log {
  if ((advise & ADVISE.COLD) !== 0 || isCompressed) return LOG.COLD_DATA;
  return (advise & ADVISE.HOT) !== 0 || nrPages <= MIN_HOT_BLOCKS ? LOG.HOT_DATA : LOG.WARM_DATA;
}

/** The extension lists of a superblock, lower-case. */
export class Extensions {
  readonly #cold: ExtensionSet;
  readonly #hot: ExtensionSet;

  constructor(sb: Superblock) {
    const list = sb.extensionList;
    const nrCold = sb.extensionCount;
    const cold: Uint8Array[] = [];
    const hot: Uint8Array[] = [];
    for (let i = 0; i < nrCold + sb.hotExtCount; i++) {
      const field = list.subarray(i * EXTENSION_LEN, (i + 1) * EXTENSION_LEN);
      const end = field.indexOf(0);
      const extension = Uint8Array.from(end < 0 ? field : field.subarray(0, end), lower);
      if (extension.length > 0) (i < nrCold ? cold : hot).push(extension);
    }
    this.#cold = new ExtensionSet(cold);
    this.#hot = new ExtensionSet(hot);
  }

  /** What a new regular file is advised by its name: ADVISE.COLD, ADVISE.HOT or 0. Cold extensions are looked at first. */
  adviseFor(name: Uint8Array): number {
    if (this.#cold.fits(name, true)) return ADVISE.COLD;
    return this.#hot.fits(name, true) ? ADVISE.HOT : 0;
  }

  /** Whether the name ends in a hot extension: such a file is not compressed. Source: set_compress_new_inode. */
  isHotAtEnd(name: Uint8Array): boolean {
    return this.#hot.fits(name, false);
  }
}

export function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/** Lower-case extensions that names are compared with, whatever their case. `*` fits all names. */
export class ExtensionSet {
  /** By their first byte: of most names there is none to compare with. */
  readonly #byFirstByte: (Uint8Array[] | undefined)[] = [];
  readonly #fitsAll: boolean;

  constructor(extensions: readonly Uint8Array[]) {
    this.#fitsAll = extensions.some(isStar);
    for (const extension of extensions) (this.#byFirstByte[extension[0]] ??= []).push(extension);
  }

  /** Whether `name` ends in one of them, after a dot that is not its first byte; with `temporary`, or has one before other bytes. */
  fits(name: Uint8Array, temporary: boolean): boolean {
    if (this.#fitsAll) return true;
    for (let dot = name.length - 2; dot >= 1; dot--) {
      if (name[dot] !== DOT) continue;
      const extensions = this.#byFirstByte[lower(name[dot + 1])];
      if (extensions === undefined) continue;
      const rest = name.length - dot - 1;
      for (const extension of extensions) {
        if (temporary ? extension.length > rest : extension.length !== rest) continue;
        let i = 1;
        while (i < extension.length && lower(name[dot + 1 + i]) === extension[i]) i++;
        if (i === extension.length) return true;
      }
    }
    return false;
  }
}

export function isStar(extension: Uint8Array): boolean {
  return extension.length === 1 && extension[0] === STAR;
}
