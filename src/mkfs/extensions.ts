// File name extensions that tell a file's temperature: cold media, hot databases. The default lists are those of
// mkfs.f2fs 1.15, so that files go to the same logs on either tool's volumes.
import { F2fsError } from '../errors.ts';
import { EXTENSION_LEN, MAX_EXTENSION } from '../format/superblock.ts';
import { utf8Bytes } from '../platform/bytes.ts';

/** An extension covers every one that begins with it: mp is mp3, mp4, mpeg and mpg. */
export const COLD_EXTENSIONS: readonly string[] = (
  'mp wm og jp avi m4v m4p mkv mov webm wav m4a 3gp opus flac gif png svg webp jar deb iso gz xz zst ' +
  'pdf pyc ttc ttf exe apk cnt exo odex vdex so'
).split(' ');
export const HOT_EXTENSIONS: readonly string[] = 'db vmdk vdi qcow2'.split(' ');

export interface ExtensionTable {
  /** The superblock's extension_list. */
  readonly list: Uint8Array;
  readonly coldCount: number;
  readonly hotCount: number;
}

function checkName(name: string): void {
  const length = utf8Bytes(name).length;
  if (length > 0 && length < EXTENSION_LEN && !/[\0,\s]/.test(name)) return;
  throw new F2fsError(
    'EINVAL',
    `invalid extension '${name}': expected 1 to ${EXTENSION_LEN - 1} bytes, without its dot`,
  );
}

/** Those of `more` that are not there yet; case does not tell them apart. Source: is_extension_exist. */
function withMore(names: readonly string[], more: readonly string[]): Set<string> {
  const all = new Map(names.map((name) => [name.toLowerCase(), name]));
  for (const name of more) if (!all.has(name.toLowerCase())) all.set(name.toLowerCase(), name);
  return new Set(all.values());
}

/**
 * The default lists with more cold and hot extensions appended. One named twice is taken once. Throws EINVAL for a
 * name that does not fit, one that would be cold and hot, and more than 64 in all. Source: cure_extension_list.
 */
export function extensionTable(moreCold: readonly string[] = [], moreHot: readonly string[] = []): ExtensionTable {
  for (const name of [...moreCold, ...moreHot]) checkName(name);
  const cold = withMore(COLD_EXTENSIONS, moreCold);
  const hot = withMore(HOT_EXTENSIONS, moreHot);
  const coldWords = new Set([...cold].map((name) => name.toLowerCase()));
  for (const name of hot) {
    if (coldWords.has(name.toLowerCase())) {
      throw new F2fsError(
        'EINVAL',
        `invalid extension '${name}': expected in one list only, of the hot or of the cold ones`,
      );
    }
  }
  if (cold.size + hot.size > MAX_EXTENSION) {
    const message = `${cold.size + hot.size} extensions are too many: a superblock holds ${MAX_EXTENSION}`;
    throw new F2fsError('EINVAL', `${message}, ${COLD_EXTENSIONS.length + HOT_EXTENSIONS.length} of them by default`);
  }
  const list = new Uint8Array(MAX_EXTENSION * EXTENSION_LEN);
  let at = 0;
  for (const name of [...cold, ...hot]) {
    list.set(utf8Bytes(name), at);
    at += EXTENSION_LEN;
  }
  return { list, coldCount: cold.size, hotCount: hot.size };
}
