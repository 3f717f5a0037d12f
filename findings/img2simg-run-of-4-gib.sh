#!/bin/sh
# img2simg turns a run of 4 GiB of one value into a FILL chunk of 0 blocks and a DON'T CARE chunk: simg2img gives back zeros, and both
# exit with 0.
#
# Seen with android-sdk-libsparse-utils 29.0.6 (Debian 12). Expected: the file, byte for byte. Takes 4 GiB of disk.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
version=1:29.0.6-28
apt-get -qq -o APT::Sandbox::User=root download android-sdk-libsparse-utils=$version android-libsparse=$version \
  android-libbase=$version android-liblog=$version
for package in ./*.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(find "$work/root" -name '*.so*' -exec dirname {} + | sort -u | paste -sd:)
export LD_LIBRARY_PATH
head -c 4294967296 /dev/zero | tr '\0' U >raw
root/usr/bin/img2simg raw sparse 4096
root/usr/bin/simg2img sparse back
# After the file's header of 28 bytes: type, reserved, blocks and bytes of each chunk.
chunks=$(od -An -v -tx2 -j28 sparse | tr -d '\n' | sed 's/  */ /g')
echo "raw: $(stat -c %s raw) bytes of '$(head -c 1 raw)'; sparse: $(stat -c %s sparse) bytes, chunks$chunks"
echo "back: $(stat -c '%s bytes, %b sectors' back), first byte $(od -An -tx1 -N1 back)"
[ "$chunks" = ' cac2 0000 0000 0000 0010 0000 5555 5555 cac3 0000 0000 0010 000c 0000' ]
[ "$(stat -c %b back)" = 0 ]
