#!/bin/sh
# sload.f2fs fills holes: a sparse file of 2 MiB that takes no block on the host takes 512 of them in the image. It also drops what
# times have beyond whole seconds.
#
# Seen with f2fs-tools 1.15.0 (Debian 12). Expected: holes, which F2FS has, and nanoseconds, which it stores.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download f2fs-tools=1.15.0-1
dpkg -x ./f2fs-tools_*.deb root
tools=$(dirname "$(find "$work/root" -name mkfs.f2fs)")
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libf2fs.so.*' | head -n 1)")
export LD_LIBRARY_PATH
truncate -s 64M image

mkdir tree
truncate -s 2M tree/sparse
touch -d '2020-01-01 00:00:00.123456789 UTC' tree/sparse
"$tools/mkfs.f2fs" -q image
"$tools/sload.f2fs" -f tree image >/dev/null
"$tools/dump.f2fs" -i 4 image </dev/null >inode 2>/dev/null || true
field() { sed -n "s/^i_$1 .*: \\([0-9]*\\)]\$/\\1/p" inode; }
echo "source: $(stat -c '%s bytes, %b sectors, %y' tree/sparse)"
echo "image: $(field size) bytes, $(field blocks) blocks, $(field mtime) s $(field mtime_nsec) ns"
[ "$(stat -c %b tree/sparse)" = 0 ]
[ "$(field size)" = 2097152 ]
[ "$(field blocks)" -gt 512 ]
[ "$(field mtime)" = 1577836800 ]
[ "$(field mtime_nsec)" = 0 ]
