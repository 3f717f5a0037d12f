// f2fs mkswap: a swap file that Linux takes as it is. Its blocks are pinned, in whole sections, and it has the header of mkswap.

import { randomUUID } from 'node:crypto';
import { F2fsError } from '../errors.ts';
import { parseUuid } from '../index.ts';
import { type ChangeOptions, changeImage } from './change.ts';
import { asUsage, EXIT } from './errors.ts';
import { volumePath } from './names.ts';
import { naming } from './naming.ts';
import { shortSize } from './sizes.ts';

export interface MkswapOptions extends ChangeOptions {
  /** Bytes. */
  size: number;
  label?: string;
  uuid?: string;
  escaped?: boolean;
}

const MIB = 1024 * 1024;
/** Bytes of a label, with the NUL that ends it. */
const LABEL_BYTES = 16;

/**
 * Makes a swap file. Throws EEXIST when something of that name is there, EINVAL for a size that is not whole sections, ENOSPC; UsageError
 * for a label that is too long and what is no UUID.
 */
export function mkswap(image: string, path: string, options: MkswapOptions): Promise<number> {
  const { size, label = '', uuid, escaped } = options;
  const file = volumePath(path, escaped);
  const { id, name } = asUsage(() => checked(label, uuid ?? randomUUID()));
  return changeImage('mkswap', image, options, (volume) => {
    naming(file, () => {
      const { sectionBytes, blockBytes } = volume.statfs();
      if (size % sectionBytes !== 0) {
        const more = (Math.floor(size / sectionBytes) + 1) * sectionBytes;
        const message = `invalid size of ${size} bytes: expected whole sections of ${shortSize(sectionBytes)}, as in --size ${more / MIB}M`;
        throw new F2fsError('EINVAL', message);
      }
      using swap = volume.openFile(file, { flags: 'wx', attributes: { mode: 0o600 } });
      swap.setPinned(true);
      swap.allocate(0, size);
      swap.write(swapHeader(size, blockBytes, id, name), 0);
    });
    return EXIT.ok;
  });
}

/** The bytes of a UUID and a label. Throws EINVAL. */
function checked(label: string, uuid: string): { id: Uint8Array; name: Uint8Array } {
  const name = Buffer.from(label);
  const id = parseUuid(uuid);
  if (name.length >= LABEL_BYTES)
    throw new F2fsError('EINVAL', `invalid label of ${name.length} bytes: expected ${LABEL_BYTES - 1} at most`);
  if (id === null) throw new F2fsError('EINVAL', `invalid uuid '${uuid}': expected 8-4-4-4-12 hexadecimal digits`);
  return { id, name };
}

/** The first page of a swap area, for a kernel with pages of `pageSize` bytes. Source: union swap_header, linux/swap.h. */
function swapHeader(size: number, pageSize: number, id: Uint8Array, name: Uint8Array): Uint8Array {
  const page = new Uint8Array(pageSize);
  const view = new DataView(page.buffer);
  view.setUint32(1024, 1, true);
  view.setUint32(1028, size / pageSize - 1, true);
  page.set(id, 1036);
  page.set(name, 1052);
  page.set(Buffer.from('SWAPSPACE2'), pageSize - 10);
  return page;
}
