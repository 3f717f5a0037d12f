// The shell half of the judge: what runs inside a guest kernel. POSIX sh, for busybox and dash alike; the tools it
// calls (find, xargs, sha256sum, stat, getfattr) are GNU's. Its reports are read by listing.ts and verdict.ts.

import { findFormat } from './listing.js';

/**
 * Shell functions for a guest: `list_tree DIR OUT [BYTES SUM]` writes the four streams of a manifest into the folder OUT; the
 * contents of files with more than BYTES are not read, and SUM hashes those of others, not sha256sum. Fails when a tool fails; what it said is in OUT/errors.
 */
export const listTree = `
list_tree() (
  cd "$1" && out=$2 && rc=0 && : > "$out/errors"
  [ $# -lt 3 ] && small= || small="-not -size +$3c"
  find . -printf '${findFormat}' > "$out/list" 2>> "$out/errors" || rc=1
  find . -type f $small -print0 2> /dev/null | xargs -0 -r -n 500 -P "$(nproc)" \\
    sh -c 'out=$1; sum=$2; shift 2; "$sum" -z "$@" > "$out/sums.$$"' sh "$out" "\${4:-sha256sum}" 2>> "$out/errors" || rc=1
  cat "$out"/sums.* > "$out/sums" 2> /dev/null; rm -f "$out"/sums.*
  find . '(' -type b -o -type c ')' -print0 2> /dev/null |
    xargs -0 -r stat --printf='%t %T %n\\0' > "$out/rdevs" 2>> "$out/errors" || rc=1
  getfattr -R -h -d -m - -e hex . > "$out/xattrs" 2>> "$out/errors" || rc=1
  return $rc
)
`;

/** How an image is to be judged in a guest. */
export interface GuestJudging {
  /** Mount options besides rw or ro, comma separated; may be empty. */
  readonly mountOptions: string;
  /** Whether the kernel also writes to it. */
  readonly writable: boolean;
}

/**
 * Shell functions for a guest: `judge_device DEV OUT` mounts, lists, writes and unmounts, and leaves in the folder
 * OUT the manifest's streams, `steps` (one line a step that succeeded) and `dmesg` (what the kernel said meanwhile).
 */
export function judgeDevice({ mountOptions, writable }: GuestJudging): string {
  // noatime: listing would dirty every inode, and writing them back takes longer than all the rest.
  const options = [writable ? 'rw' : 'ro', 'noatime', mountOptions].filter((option) => option !== '').join(',');
  return `${listTree}
write_test() (
  cd "$1" && dir=.judge.$$ && mkdir "$dir" && cd "$dir" || exit 1
  echo 'written by the judge' > small && head -c 1234567 /dev/urandom > "$2/random" || exit 1
  cat "$2/random" > large && sync large small && cmp large "$2/random" && rm "$2/random" || exit 1
  ln -s small link && mv small renamed && [ "$(cat renamed)" = 'written by the judge' ] || exit 1
  echo more >> large && sync && rm renamed large link && cd .. && rmdir "$dir"
)
judge_device() {
  dmesg -c > /dev/null 2>&1
  : > "$2/steps"
  if mount -t f2fs -o '${options}' "$1" /mnt 2> "$2/mount.err"; then
    echo mount >> "$2/steps"
    list_tree /mnt "$2" && echo list >> "$2/steps"
    ${writable ? 'write_test /mnt "$2" 2> "$2/write.err" && echo write >> "$2/steps"' : ':'}
    umount /mnt && echo umount >> "$2/steps"
  fi
  dmesg > "$2/dmesg" 2>&1
  echo end >> "$2/steps"
}
`;
}
