#!/bin/sh
# Makes the images of compressed files that are valid, and that f2fs-tools take for damaged: kernel-far and kernel-lost-count. Needs
# tools/setup.sh.
set -eu
cd "$(dirname "$0")"
trap 'rm -f -- kernel-far.img kernel-lost-count.img' EXIT
truncate -s 64M kernel-far.img kernel-lost-count.img
../node_modules/.bin/tsx ../tools/guest.ts --kernel qemu-6.12 make-odd-guest.sh kernel-far.img kernel-lost-count.img
for name in kernel-far kernel-lost-count; do gzip -9nc $name.img >$name.img.gz; done
ls -l kernel-far.img.gz kernel-lost-count.img.gz
