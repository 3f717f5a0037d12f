#!/bin/sh
# mkfs.f2fs -g ("add default options", without an argument in its help) swallows the option that follows: `-g -f` does not force.
#
# Seen with f2fs-tools 1.15.0 (Debian 12). Expected: what the help says, and what callers such as systemd-repart take it for, whose line
# is `mkfs.f2fs -g -f -l LABEL ...`. On a target that holds another file system it fails and asks for the -f that was given.
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

"$tools/mkfs.f2fs" -h 2>&1 | grep -- '-g ' || true
# Something that mkfs.f2fs sees as a file system: a swap area.
mkswap image >/dev/null 2>&1
code=0
"$tools/mkfs.f2fs" -g -f -l LABEL image >said 2>&1 || code=$?
echo "mkfs.f2fs -g -f: exit code $code: $(grep -i force said)"
other=0
"$tools/mkfs.f2fs" -f -g android -l LABEL image >/dev/null 2>&1 || other=$?
echo "mkfs.f2fs -f -g android: exit code $other"
[ "$code" != 0 ]
grep -q 'Use the -f option to force overwrite' said
[ "$other" = 0 ]
