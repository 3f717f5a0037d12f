#!/bin/sh
# Installs what judging an image needs, and prints nothing when everything is there.
#
#   tools/setup.sh           fsck.f2fs, QEMU, and two Linux kernels to mount images with
#   tools/setup.sh --bench   also the peers that the benchmark compares against
#
# Debian packages are installed (as root) or named (otherwise). The kernels are only unpacked below
# .cache/judge/, never installed: a machine's own boot setup is not ours to touch.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.cache/judge
peers=$root/.cache/peers

# The libraries inflate compressed clusters (tools/judge/reference-codecs.ts).
packages='f2fs-tools qemu-system-x86 busybox-static cpio kmod attr acl liblz4-1 liblzo2-2 libzstd1'
bench=
for arg in "$@"; do
  case $arg in
    --bench)
      bench=1
      packages="$packages erofs-utils squashfs-tools e2fsprogs lz4"
      # To build sload.f2fs with.
      if [ ! -e "$peers/sload.f2fs" ]; then
        packages="$packages dpkg-dev gcc make autoconf automake libtool pkg-config libc6-dev uuid-dev liblz4-dev liblzo2-dev"
      fi
      ;;
    *) echo "usage: tools/setup.sh [--bench]" >&2; exit 2 ;;
  esac
done

# User-mode Linux 6.1 needs a shim on CPUs with AMX (see tools/judge/uml-xstate.c), and that a C compiler.
wide_cpu=
if grep -qsw amx_tile /proc/cpuinfo; then wide_cpu=1; fi
if [ -n "$wide_cpu" ] && ! command -v cc >/dev/null; then packages="$packages gcc libc6-dev"; fi

if ! command -v dpkg-query >/dev/null; then
  echo "setup: needs a Debian or Ubuntu system (dpkg); elsewhere install the likes of: $packages" >&2
  exit 1
fi

updated=
refresh() {
  [ -n "$updated" ] && return 0
  updated=1
  [ "$(id -u)" = 0 ] || return 0
  echo 'setup: apt-get update' >&2
  apt-get -qq update >&2 || echo 'setup: apt-get update failed; trying with the lists at hand' >&2
}

# --- packages -----------------------------------------------------------------------------------
# shellcheck disable=SC2086  # the list is meant to be split
installed=" $(dpkg-query -W -f='${db:Status-Abbrev}${Package} ' $packages 2>/dev/null || true)"
missing=
for package in $packages; do
  case $installed in *"ii $package "*) ;; *) missing="$missing $package" ;; esac
done

if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "setup: missing packages; run:" >&2
    echo "sudo apt-get install --no-install-recommends$missing"
    exit 1
  fi
  refresh
  echo "setup: installing$missing" >&2
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >&2
fi

# --- kernels ------------------------------------------------------------------------------------
# unpack DEST PACKAGE...: downloads the packages and unpacks them into DEST, all or nothing.
unpack() {
  dest=$1
  shift
  part=$dest.part
  rm -rf "$part"
  mkdir -p "$part"
  echo "setup: fetching $*" >&2
  # _apt cannot write below a private home, so the sandbox is turned off: the signatures are checked all the same.
  if ! (cd "$part" && apt-get -qq -o APT::Sandbox::User=root download "$@") >&2; then
    rm -rf "$part"
    return 1
  fi
  for deb in "$part"/*.deb; do
    dpkg -x "$deb" "$part"
    rm "$deb"
  done
  # A merged /usr (Debian 13) puts modules in usr/lib; modprobe -d wants lib.
  if [ -d "$part/usr/lib/modules" ] && [ ! -e "$part/lib" ]; then ln -s usr/lib "$part/lib"; fi
  rm -rf "$dest"
  mv "$part" "$dest"
}

# depends_on META: the versioned kernel package that a meta package stands for.
depends_on() {
  apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1
}

if [ ! -e "$cache/kernel/version" ]; then
  mkdir -p "$cache"
  refresh
  kernel=$(depends_on "linux-image-$(dpkg --print-architecture)")
  [ -n "$kernel" ] || kernel=$(depends_on linux-image-generic)
  if [ -z "$kernel" ]; then
    echo 'setup: no kernel package found (neither linux-image-amd64 nor linux-image-generic is known to apt)' >&2
    exit 1
  fi
  version=${kernel#linux-image-}
  set -- "$kernel"
  # Ubuntu keeps the modules, f2fs among them, in packages of their own.
  for extra in "linux-modules-$version" "linux-modules-extra-$version"; do
    if [ -n "$(apt-cache show "$extra" 2>/dev/null)" ]; then set -- "$@" "$extra"; fi
  done
  unpack "$cache/kernel" "$@"
  PATH=$PATH:/usr/sbin:/sbin depmod -b "$cache/kernel" "$version"
  echo "$version" >"$cache/kernel/version"
fi

if [ ! -e "$cache/uml/version" ] && [ ! -e "$cache/uml.missing" ]; then
  mkdir -p "$cache"
  refresh
  if [ -n "$(apt-cache show user-mode-linux 2>/dev/null)" ] && unpack "$cache/uml" user-mode-linux; then
    ls "$cache/uml/usr/lib/uml/modules" | head -n 1 >"$cache/uml/version"
  else
    echo 'setup: no user-mode-linux package here; judging goes on with QEMU alone' >&2
    : >"$cache/uml.missing"
  fi
fi

shim=$root/tools/judge/uml-xstate.c
if [ -n "$wide_cpu" ] && [ -e "$cache/uml/version" ] && [ ! "$cache/uml/xstate.so" -nt "$shim" ]; then
  cc -O2 -Wall -shared -fPIC -o "$cache/uml/xstate.so" "$shim" -ldl
fi

# --- peers --------------------------------------------------------------------------------------
# source_lists DIR: lists in DIR/parts by which apt sees the sources of what this machine installs from: copies of its own
# with deb-src for deb. Its configuration stays as it is.
source_lists() {
  lists=$1
  mkdir -p "$lists/parts" "$lists/state/partial"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] || continue
    sed -e 's/^Types:.*/Types: deb-src/' -e '/^deb-src /d' -e 's/^deb /deb-src /' "$file" >"$lists/parts/$(basename "$file")"
  done
}

# Debian builds sload.f2fs without lz4 and lzo, so its -c does nothing. Built from the very same sources with them it is a
# peer to measure against and a maker of test images; it is never shipped.
if [ -n "$bench" ] && [ ! -e "$peers/sload.f2fs" ]; then
  work=$peers/f2fs-tools.part
  rm -rf "$work"
  source_lists "$work/apt"
  set -- -qq -o APT::Sandbox::User=root -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/apt/parts" \
    -o "Dir::State::lists=$work/apt/state" -o "Dir::Cache::srcpkgcache=$work/apt/src.bin" -o "Dir::Cache::pkgcache=$work/apt/pkg.bin"
  version=$(dpkg-query -W -f='${source:Version}' f2fs-tools)
  echo "setup: building sload.f2fs with lz4 and lzo from the sources of f2fs-tools $version" >&2
  # lz4 1.9.4 and later do not say how large its state is (16416 bytes): the 32 KiB given here are enough.
  { apt-get "$@" update || true; } >"$work/log" 2>&1
  (cd "$work" && apt-get "$@" source "f2fs-tools=$version") >>"$work/log" 2>&1 &&
    (cd "$work"/f2fs-tools-*/ && autoreconf -fi && ./configure --disable-shared --without-selinux --without-blkid \
      CPPFLAGS=-DLZ4_STREAMSIZE_U64=4096 &&
      make -j2 -C lib && make -j2 -C fsck) >>"$work/log" 2>&1 || {
    tail -n 20 "$work/log" >&2
    echo "setup: sload.f2fs could not be built; the benchmark goes on without it ($work/log)" >&2
    exit 1
  }
  cp "$work"/f2fs-tools-*/fsck/fsck.f2fs "$peers/sload.f2fs"
  rm -rf "$work"
fi
