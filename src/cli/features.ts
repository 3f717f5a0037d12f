// Features as the command takes them.
import { DEFAULT_FEATURES } from '../index.ts';

/** `default` stands for what a volume gets when nothing is asked, `none` for nothing. */
export function expandFeatures(names: readonly string[]): string[] {
  return names.flatMap((name) => (name === 'default' ? DEFAULT_FEATURES : name === 'none' ? [] : [name]));
}
