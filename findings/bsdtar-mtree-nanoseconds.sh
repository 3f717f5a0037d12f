#!/bin/sh
# bsdtar writes the nanoseconds of an mtree manifest without leading zeros: 5 ns is `time=1577836800.5`, which reads as half a second.
#
# Seen with bsdtar 3.6.2 (Debian 12). Expected: nine digits after the period, as mtree(5) asks for; whoever reads a decimal fraction
# gets times that are off by up to a second.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5
for package in ./*.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libarchive.so.13' | head -n 1)")
export LD_LIBRARY_PATH
mkdir tree
touch -d '2020-01-01 00:00:00.000000005 UTC' tree/file
root/usr/bin/bsdtar --format=mtree --options=mtree:time -cf manifest -C tree file
cat manifest
echo "on disk: $(stat -c %y tree/file)"
grep -q 'time=1577836800[.]5 ' manifest
