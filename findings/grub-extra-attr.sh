#!/bin/sh
# GRUB sees an empty root directory, and no error, on an F2FS volume with the feature extra_attr; without it the files are there.
#
# Seen with grub-fstest 2.06 and mkfs.f2fs and sload.f2fs 1.15.0 (Debian 12). Expected: the files, or "unknown filesystem". A boot loader
# that finds no kernel says nothing of the file system. Android and several distributions format with extra_attr.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download f2fs-tools=1.15.0-1 grub-common=2.06-13+deb12u2
for package in ./*.deb; do dpkg -x "$package" root; done
tools=$(dirname "$(find "$work/root" -name mkfs.f2fs)")
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libf2fs.so.*' | head -n 1)")
export LD_LIBRARY_PATH
mkdir tree
echo contents >tree/vmlinuz
listed() {
  rm -f image
  truncate -s 64M image
  "$tools/mkfs.f2fs" -q -O "$1" image
  "$tools/sload.f2fs" -f tree image >/dev/null
  code=0
  names=$(root/usr/bin/grub-fstest image ls / | xargs) || code=$?
  echo "-O $1: exit code $code, names '$names'"
}
listed extra_attr
[ "$code:$names" = 0: ]
listed lost_found
[ "$code:$names" = '0:lost+found/ vmlinuz' ]
