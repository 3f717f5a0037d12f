#!/bin/sh
# Builds an F2FS image of a real directory and has it judged: fsck.f2fs checks it, a Linux kernel mounts it and reads every
# file, fsck.f2fs checks it again.
#
#   tools/demo.sh                     an image of /usr/share/doc, or where that is small, of node_modules
#   tools/demo.sh SOURCE_DIR          of another directory
#   tools/demo.sh SOURCE_DIR IMAGE    and where the image goes (default: .cache/demo.img, made anew each time)
#
# Prepares a fresh clone first. Needs Node.js 20.19 or newer and a Debian or Ubuntu system.
# Exit codes: 0 the image is good, 1 it is not or something failed, 2 called in the wrong way.
set -eu

if [ $# -gt 2 ]; then
  echo 'usage: tools/demo.sh [SOURCE_DIR [IMAGE]]' >&2
  exit 2
fi

root=$(cd "$(dirname "$0")/.." && pwd)

# absolute PATH: the same from any directory.
absolute() {
  case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac
}

force=
case $# in
  0) source= ;;
  *) source=$(absolute "$1") ;;
esac
if [ $# = 2 ]; then
  image=$(absolute "$2")
else
  image=.cache/demo.img
  force=--force
fi

cd "$root"
node -e '
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) process.exit(0);
  console.error(`demo: needs Node.js 20.19 or newer; this is ${process.version}`);
  process.exit(1);
'
installed=node_modules/.package-lock.json
if [ ! -e $installed ] || [ package-lock.json -nt $installed ]; then npm ci --no-audit --no-fund >&2; fi
npm run --silent build >&2
tools/setup.sh

if [ -z "$source" ]; then
  # Slim systems come without documentation; the project's own packages are there in any case.
  source=/usr/share/doc
  size=$(du -sk "$source" 2>/dev/null | cut -f 1)
  if [ "${size:-0}" -lt 8192 ]; then source=node_modules; fi
fi
mkdir -p .cache
echo "f2fs build $source $image --free 16M${force:+ $force}"
node dist/cli/main.js build "$source" "$image" --free 16M $force

echo
echo "npm run judge -- $image $source"
code=0
npm run --silent judge -- "$image" "$source" || code=$?
if [ $code = 2 ]; then
  # Some machines do not let user-mode Linux run.
  echo "npm run judge -- $image $source --kernel qemu"
  code=0
  npm run --silent judge -- "$image" "$source" --kernel qemu || code=$?
fi
[ $code = 0 ] || exit 1
