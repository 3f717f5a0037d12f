#!/bin/sh
# Dumps by which getfattr(1) saves extended attributes, and setfattr(1) --restore brings them back, lose some without a word:
#   - an empty value, which getfattr -e base64 writes as `user.empty=0s`: setfattr exits 0 and sets nothing;
#   - a NUL at the end of a value, with -e text and in the default encoding: "abc\0" comes back as "abc".
#
# Seen with attr 2.5.1 (Debian 12). Expected: the attributes as they were, as with -e hex.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download attr=1:2.5.1-4
dpkg -x ./attr_*.deb root
getfattr=$work/root/usr/bin/getfattr
setfattr=$work/root/usr/bin/setfattr

hex() { "$getfattr" -d -e hex file | grep -v '^#' | xargs; }

# restored ENCODING: what is left after a dump and its restore.
restored() {
  : >file
  "$setfattr" -n user.empty file
  "$setfattr" -n user.nul -v 0x61626300 file
  "$getfattr" -d -e "$1" file >dump
  rm file
  : >file
  "$setfattr" --restore=dump
  echo "$1: $(hex)"
}
restored hex
[ "$(hex)" = 'user.empty=0x user.nul=0x61626300' ]
restored base64
[ "$(hex)" = 'user.nul=0x61626300' ]
restored text
[ "$(hex)" = 'user.empty=0x user.nul=0x616263' ]
