// The lists that come with the golden volumes of larger blocks (images/README.md has their format): what a kernel finds in a
// volume, a line an entry, with what a manifest does not tell (blocks, what compression saved) and holes of any size.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listTree } from './guestscript.ts';
import { statsProgram } from './kernel-guest.ts';
import { manifestOfListing, readPairs } from './listing.ts';

/** Of files with more bytes than this only the data is read, and where it lies. */
const WHOLE_BYTES = 64 << 20;

/** perl: `sparse.pl FILE` prints where the file's data lies, `[offset+length]` each, and the data, in that order. */
const sparseProgram = `
open(my $f, '<', $ARGV[0]) or die $!;
my ($at, $end) = (0, -s $f);
while ($at < $end) {
  my $data = sysseek($f, $at, 3);
  last if !defined $data;
  $data += 0;
  my $hole = sysseek($f, $data, 4) + 0;
  $hole = $end if $hole > $end;
  print STDERR "[$data+", $hole - $data, ']';
  print "[$data+", $hole - $data, ']';
  sysseek($f, $data, 0);
  for (my $left = $hole - $data; $left > 0;) {
    my $got = sysread($f, my $bytes, $left < 1048576 ? $left : 1048576) or die $!;
    print $bytes;
    $left -= $got;
  }
  $at = $hole;
}
`;

/** Shell functions for a guest: `list_lines DIR OUT` writes into the folder OUT what {@link linesOfListing} reads. */
export const listLines = `${listTree}
list_lines() (
  cat > /tmp/stats.pl << 'PERL'
${statsProgram}
PERL
  cat > /tmp/sparse.pl << 'PERL'
${sparseProgram}
PERL
  list_tree "$1" "$2" ${WHOLE_BYTES} sha1sum && perl /tmp/stats.pl "$1" > "$2/stats" && cd "$1" || exit 1
  find . -type f -size +${WHOLE_BYTES}c -print | while read -r file; do
    sum=$(perl /tmp/sparse.pl "$file" 2> "$2/runs" | sha1sum) || exit 1
    printf '%ssparse:%s  %s\\0' "$(cat "$2/runs")" "\${sum%% *}" "$file"
  done > "$2/sparse"
)
`;

/** Bytes of a path as the lists spell them. */
export function escaped(path: string): string {
  return path.replaceAll(/[^!-[\]-~]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** The lines of what a guest saw; the root is `.`. */
export function linesOfListing(folder: string): string[] {
  const contents = new Map([...readPairs(folder, 'sums'), ...readPairs(folder, 'sparse')]);
  const stats = new Map<string, string>();
  const fields = readFileSync(join(folder, 'stats')).toString('latin1').split('\0').slice(0, -1);
  for (let i = 0; i < fields.length; i += 6) {
    const [path, blocks, , saved, algorithm, log] = fields.slice(i, i + 6);
    const compressed = algorithm === '' ? '' : ` comp:alg=${algorithm},log=${log},saved=${saved}`;
    stats.set(path, `${compressed} blocks=${blocks}`);
  }
  return manifestOfListing(folder, {}).entries.map((entry) => {
    const { path, type, mode, uid, gid, size, mtimeNs, nlink, target, major, minor, xattrs } = entry;
    const content = {
      f: `${contents.get(path)}${stats.get(path)}`,
      l: createHash('sha1')
        .update(target ?? '', 'latin1')
        .digest('hex'),
      b: `${major}:${minor}`,
      c: `${major}:${minor}`,
      d: '-',
      p: '-',
      s: '-',
    }[type];
    const values = Object.entries(xattrs ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, hex]) => ` x:${name}=${hex.length / 2}:${createHash('sha1').update(hex, 'hex').digest('hex')}`);
    const time = `${mtimeNs.slice(0, -9)}.${mtimeNs.slice(-9)}`;
    const bytes = size ?? (type === 'd' ? -1 : 0);
    const name = path === '' ? '.' : escaped(path);
    return `${name} ${type} ${mode.toString(8)} ${uid} ${gid} ${bytes} ${time} ${nlink} ${content}${values.join('')}`;
  });
}
