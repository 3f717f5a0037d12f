#!/bin/sh
# sload.f2fs leaves out fifos, sockets and device nodes, says nothing and exits with 0.
#
# Seen with f2fs-tools 1.15.0 (Debian 12). Expected: the nodes, which F2FS can hold, or a word and another exit code. A root file system
# loses its /dev and its fifos so. To be run as root (mknod).
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
mkfifo tree/fifo
mknod tree/null c 1 3
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("tree/socket")'
"$tools/mkfs.f2fs" -q image
code=0
"$tools/sload.f2fs" -f tree image >said 2>&1 || code=$?
inodes=$(sed -n 's/.*valid_inode_count matched with CP .*\[0x\([0-9a-f]*\)]$/\1/p' said)
echo "source: $(ls tree | wc -l) entries; sload.f2fs: exit code $code; inodes with the root: $inodes"
sed -n '/[Ff]ifo\|socket\|device/p' said
[ "$(ls tree | wc -l)" = 4 ]
[ "$code" = 0 ]
[ "$inodes" = 2 ]
! grep -qi 'fifo\|socket' said
