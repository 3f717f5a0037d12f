#!/bin/sh
# Makes the golden images anew: F2FS as others write it (mkfs.f2fs, sload.f2fs, the Linux kernel), for our reader to
# be held against. Everything is written inside a QEMU guest, so the host's own version strings stay out of them.
# Needs tools/setup.sh and perl. The new images differ from the old in uuids and times, not in what they show.
set -eu
cd "$(dirname "$0")"
tsx=../node_modules/.bin/tsx

# In the order in which make-guest.sh knows them.
names='mkfs-default mkfs-features mkfs-large-nat sload kernel-plain kernel-features kernel-quota kernel-compressed kernel-crashed kernel-disabled'
set --
for name in $names; do
  rm -f "$name.img"
  case $name in
    sload | kernel-plain | kernel-features) size=80M ;; # sload.f2fs and cleaning want free segments
    *) size=64M ;;                                      # about the least that mkfs.f2fs takes
  esac
  truncate -s "$size" "$name.img"
  set -- "$@" "$name.img"
done
[ -n "${KEEP:-}" ] || trap 'rm -f -- *.img' EXIT

$tsx ../tools/guest.ts make-guest.sh "$@"
for image in "$@"; do
  case $image in kernel-crashed.img | kernel-disabled.img) continue ;; esac
  $tsx ../tools/judge.ts "$image" --kernel none
done
# User-mode Linux reads the 9 GB of holes in kernel-plain ten times as fast, but knows neither compression nor casefold.
uml=
qemu=
for image in "$@"; do
  case $image in
    kernel-disabled.img) ;;
    kernel-compressed.img | kernel-quota.img) qemu="$qemu $image" ;;
    *) uml="$uml $image" ;;
  esac
done
# Linux mounts this one for writing only.
cp kernel-disabled.img mended.img
printf 'mount -t f2fs "$DEV0" /mnt && umount /mnt\n' >mend-guest.sh
$tsx ../tools/guest.ts mend-guest.sh mended.img
rm mend-guest.sh
$tsx ../tools/guest.ts --kernel uml --manifest mended.img
mv mended.manifest.json.gz kernel-disabled.manifest.json.gz
rm mended.img
# shellcheck disable=SC2086
$tsx ../tools/guest.ts --kernel uml --manifest $uml
# shellcheck disable=SC2086
$tsx ../tools/guest.ts --kernel qemu --manifest $qemu
for image in "$@"; do gzip -9nc "$image" >"$image.gz"; done
ls -l -- *.gz
