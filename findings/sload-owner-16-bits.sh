#!/bin/sh
# sload.f2fs -P keeps owners, but only the low 16 bits of each: uid 100000 becomes 34464, and nothing is said.
#
# Seen with f2fs-tools 1.15.0 (Debian 12). Expected: the owner that stat(2) tells, as F2FS stores 32 bits of it. Containers map
# their users to ids past 65535, so a root file system made in one gets wrong owners. To be run as root (chown).
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
echo contents >tree/file
chown 100000:70000 tree/file
"$tools/mkfs.f2fs" -q image
code=0
"$tools/sload.f2fs" -P -f tree image >/dev/null || code=$?
owner=$("$tools/dump.f2fs" -i 4 image </dev/null 2>/dev/null | sed -n 's/^i_[ug]id .*: \([0-9]*\)]$/\1/p' | paste -sd:)
echo "source: $(stat -c %u:%g tree/file); sload.f2fs: exit code $code; image: $owner"
[ "$code" = 0 ]
[ "$owner" = 34464:4464 ]
