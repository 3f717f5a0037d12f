// Patterns for paths below the source.
import picomatch from 'picomatch';
import { F2fsError } from '../errors.ts';

/** Whether a path fits one of the patterns. Throws EINVAL for what is none. */
export function pathMatcher(globs: readonly string[]): (path: string) => boolean {
  try {
    return picomatch([...globs], { dot: true, flags: 's' });
  } catch (cause) {
    throw new F2fsError('EINVAL', `invalid pattern '${globs.join(',')}': expected one for paths, such as usr/**`, {
      cause,
    });
  }
}
