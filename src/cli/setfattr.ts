// f2fs setfattr: extended attributes.
import { type ChangeOptions, changeImage, forEachPath } from './change.ts';
import { EXIT, UsageError } from './errors.ts';
import { volumePath } from './names.ts';

export interface SetfattrOptions extends ChangeOptions {
  name?: string;
  value?: string;
  remove?: string;
  create?: boolean;
  replace?: boolean;
  /** false with -h */
  dereference?: boolean;
  escaped?: boolean;
}

/** Sets or removes one attribute of each path. Throws EEXIST with `create`, ENODATA with `replace` and when it is not there to remove. */
export function setfattr(image: string, paths: readonly string[], options: SetfattrOptions): Promise<number> {
  const { name, remove, create, replace, dereference = true } = options;
  if ((name === undefined) === (remove === undefined)) throw new UsageError('give either -n NAME or -x NAME');
  if (name === undefined && (options.value !== undefined || create || replace)) {
    throw new UsageError('-v, --create and --replace go with -n');
  }
  const value = bytesOf(options.value ?? '');
  const targets = paths.map((path) => volumePath(path, options.escaped));
  return changeImage('setfattr', image, options, async (volume, signal, progress) => {
    await forEachPath(targets, signal, progress, (path) => {
      using handle = volume.open(path, { follow: dereference });
      if (name !== undefined) handle.setXattr(name, value, { create, replace });
      else if (remove !== undefined) handle.removeXattr(remove);
    });
    return EXIT.ok;
  });
}

/** Bytes of a value as setfattr(1) takes it: `0x` and hex digits, `0s` and base64, or text. Throws UsageError. */
function bytesOf(text: string): Uint8Array {
  if (/^0x/i.test(text)) {
    if (/^0x([0-9a-f]{2})*$/i.test(text)) return Buffer.from(text.slice(2), 'hex');
    throw new UsageError(`invalid value '${text}': expected pairs of hex digits behind 0x`);
  }
  if (!/^0s/i.test(text)) return Buffer.from(text);
  const bytes = Buffer.from(text.slice(2), 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') === text.slice(2).replace(/=+$/, '')) return bytes;
  throw new UsageError(`invalid value '${text}': expected base64 behind 0s`);
}
