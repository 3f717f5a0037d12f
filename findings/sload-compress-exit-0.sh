#!/bin/sh
# sload.f2fs -c of Debian, which is built without lz4 and lzo, says "The selected compression algorithm is not supported", exits with 0,
# and has loaded nothing at all.
#
# Seen with f2fs-tools 1.15.0 (Debian 12). Expected: an exit code other than 0, or files that are not compressed. A build script that
# looks at exit codes ships an empty image.
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
yes 'text that compresses well' | head -c 1000000 >tree/a.txt
"$tools/mkfs.f2fs" -q -O extra_attr,compression image
code=0
"$tools/sload.f2fs" -f tree -c -L 2 -a lz4 -x txt image >said 2>&1 || code=$?
inodes=$("$tools/fsck.f2fs" -f --dry-run image | sed -n 's/.*valid_inode_count matched with CP .*\[0x\([0-9a-f]*\)]$/\1/p')
echo "sload.f2fs: exit code $code; inodes with the root: $inodes; it said: $(grep -i 'not supported' said)"
[ "$code" = 0 ]
[ "$inodes" = 1 ]
grep -q 'compression algorithm is not supported' said
