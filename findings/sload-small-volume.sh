#!/bin/sh
# sload.f2fs can't put a file of 6 MiB into a new volume of 64 MiB, of which mkfs.f2fs leaves 17 segments (34 MiB) free: it finds no
# free block, and a failed assertion ends it. A file of 2 MiB goes in.
#
# Seen with f2fs-tools 1.15.0 (Debian 12): exit code 255. Expected: the file, as Linux and larger volumes take it.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download f2fs-tools=1.15.0-1
dpkg -x ./f2fs-tools_*.deb root
tools=$(dirname "$(find "$work/root" -name mkfs.f2fs)")
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libf2fs.so.*' | head -n 1)")
export LD_LIBRARY_PATH

# load MIB: makes a volume with one file of so many MiB, and prints sload's exit code and what it said last.
load() {
  rm -rf tree image
  mkdir tree
  truncate -s 64M image
  head -c "$1M" /dev/zero | tr '\0' x >tree/file
  "$tools/mkfs.f2fs" -q image
  code=0
  "$tools/sload.f2fs" -f tree image >log 2>&1 || code=$?
  echo "$1 MiB: exit code $code; $(grep -o "Free segments: 0x[0-9a-f]*" log | head -n 1); $(grep -o "Can't find free block" log || true)"
}
load 2
[ "$code" = 0 ]
load 6
[ "$code" = 255 ]
grep -q "Free segments: 0x11" log
grep -q "Can't find free block" log
