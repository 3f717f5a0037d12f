#!/bin/sh
# Makes kernel-encrypted.img.gz and kernel-encrypted-cut.img.gz anew, and the lists of what Linux shows of them without the key, of the
# second once it has recovered it: type, inode, links and path of each entry. Needs tools/setup.sh. New images differ from the old in
# uuids, keys and so in all encrypted names.
set -eu
cd "$(dirname "$0")"
name=kernel-encrypted
trap 'rm -f -- $name.img $name-cut.img recovered.img $name.sh lists' EXIT
truncate -s 64M $name.img $name-cut.img recovered.img
modules=$(ls -d "$(cd ../.cache/judge/kernel-6.12 && pwd -P)"/usr/lib/modules/*)
{ echo "MODULES=$modules" && cat make-encrypted-guest.sh; } >$name.sh
../node_modules/.bin/tsx ../tools/guest.ts --kernel qemu-6.12 $name.sh $name.img $name-cut.img recovered.img >lists
sed '/^once recovered:$/,$d' lists >$name.list
sed '1,/^once recovered:$/d' lists >$name-cut.list
for image in $name $name-cut; do
  gzip -9nf $image.list
  gzip -9nc $image.img >$image.img.gz
done
ls -l $name*.gz
