// What no message may have in it: names of this program's own, temporary files, phrases that say nothing to whoever reads them.
import { expect } from 'vitest';

const BANNED: readonly [RegExp, string][] = [
  [/\b(nrBlocks|nid|segno|blkaddr|pfn|ofsInNode|clusterPages) (is|\d)|\bcp_payload\b/, 'a name of this program'],
  [/\.part\b/, 'a temporary file'],
  [/\b(is|are) none\b|\bare possible\b|\bis not possible\b|\bcan't be one\b/, "say: invalid X 'v': expected ..."],
  [/\b(or|and) force it\b|\bask for overwriting\b/, 'say: --force'],
  [/\b(E[A-Z]{3,}): [^()]*\(\1\)/, 'a code twice'],
  [/, (open|stat|lstat|read|write|rename|mkdir|scandir|unlink|ftruncate|access)( '|$)/, 'a system call'],
  [/(\b\w[\w' ]{15,}): \1/, 'a sentence twice'],
];
/** Options are named as whoever is told writes them. */
const OPTION_OF = {
  command: /(^|\s)--[a-z]/,
  library: /\b(force|overwrite|xattrs): (true|false)\b|\b(freeBytes|[a-z]+(Bytes|Pages|Depth)|setFlags) ?\b/,
} as const;
const WHERE_INODES_ARE_MEANT = new Set(['EUCLEAN', 'EIO', 'ESTALE']);

/** What is wrong with the wording of a message for who called the library or the command; null when nothing is. */
export function wordingFault(code: string, message: string, called: keyof typeof OPTION_OF): string | null {
  // An argument is called as its caller calls it.
  const text = message.replace(/^invalid [\w ]+ -?[\w.]+: /, '');
  for (const [pattern, why] of BANNED) if (pattern.test(text)) return `${why}: ${message}`;
  const other = called === 'library' ? 'command' : 'library';
  if (OPTION_OF[other].test(text)) return `an option of the ${other}: ${message}`;
  if (!WHERE_INODES_ARE_MEANT.has(code) && /\b(inode|directory|node) \d/.test(text))
    return `a number for a file that is not damaged: ${message}`;
  return null;
}

/** Holds what the command said on stderr against the same rules. */
export function expectPlain(stderr: string): void {
  for (const line of stderr.split('\n').filter((one) => one !== '')) {
    const code = /\((E[A-Z0-9]+)\)$/.exec(line)?.[1] ?? 'none';
    expect(wordingFault(code, line, 'command')).toBeNull();
  }
}
