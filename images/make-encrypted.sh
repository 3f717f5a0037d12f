#!/bin/sh
# Makes kernel-encrypted.img.gz anew, and the list of what Linux shows of it without the key: type, inode, links and path of each
# entry. Needs tools/setup.sh. A new image differs from the old in uuids, keys and so in all encrypted names.
set -eu
cd "$(dirname "$0")"
name=kernel-encrypted
trap 'rm -f -- $name.img $name.sh' EXIT
truncate -s 64M $name.img
modules=$(ls -d "$(cd ../.cache/judge/kernel-6.12 && pwd -P)"/usr/lib/modules/*)
{ echo "MODULES=$modules" && cat make-encrypted-guest.sh; } >$name.sh
../node_modules/.bin/tsx ../tools/guest.ts --kernel qemu-6.12 $name.sh $name.img >$name.list
gzip -9nf $name.list
gzip -9nc $name.img >$name.img.gz
ls -l $name.*.gz
