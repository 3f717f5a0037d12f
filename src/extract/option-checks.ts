// What extract may be asked for, checked before there is any work.
import { checkOptions, isBoolean, isFunction, isOneOf, isSignal, isText, type OptionChecks } from '../check.ts';
import { checkFileSystem, type FileSystem } from '../fs/file-system.ts';
import { HOLE_POLICIES } from '../source/hole-policy.ts';
import type { ExtractOptions } from './report.ts';

const EXTRACT_OPTIONS: OptionChecks<ExtractOptions> = {
  force: isBoolean,
  owner: isBoolean,
  xattrs: isBoolean,
  holes: isOneOf(HOLE_POLICIES),
  onProgress: isFunction,
  signal: isSignal,
};

/** Throws EINVAL for what `extract` can't be called with. */
export function checkExtract(volume: FileSystem, target: string, options: ExtractOptions): void {
  checkFileSystem(volume);
  isText(target, 'target directory');
  checkOptions('extract', options, EXTRACT_OPTIONS);
}
