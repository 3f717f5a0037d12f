#!/bin/sh
# mkfs.f2fs puts the kernel version of the machine that it runs on into the superblock, twice, whatever uuid and time are given: two
# hosts can't make the same image.
#
# Seen with f2fs-tools 1.15.0 (Debian 12). Expected: an image that depends on its options, or an option to leave the version out. Builds
# are compared bit by bit nowadays; -T and -U are there for that.
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

"$tools/mkfs.f2fs" -q -T 1700000000 -U 3e9c1fd4-1111-4222-8333-444455556666 image
times=$(grep -aoF "$(cat /proc/version | head -c 60)" image | wc -l)
echo "this host is '$(head -c 60 /proc/version)...': in the image $times times"
[ "$times" -ge 2 ]
