#!/bin/sh
# Makes the golden image that sload.f2fs compressed anew, as make.sh makes the others. Needs tools/setup.sh --bench, which
# builds an sload.f2fs that knows lz4 and lzo: Debian's own does not.
set -eu
cd "$(dirname "$0")"
tsx=../node_modules/.bin/tsx
image=sload-compressed.img

rm -f "$image"
truncate -s 100M "$image"
[ -n "${KEEP:-}" ] || trap 'rm -f -- "$image"' EXIT
$tsx ../tools/guest.ts make-sload-guest.sh "$image"
$tsx ../tools/judge.ts "$image" --kernel none
$tsx ../tools/guest.ts --kernel qemu --manifest "$image"
$tsx ../tools/judge.ts --codecs --dirty-padding "$image" "${image%.img}.manifest.json.gz"
gzip -9nc "$image" >"$image.gz"
ls -l -- "$image.gz"
