#!/bin/sh
# Installs what judging an image needs, and prints nothing when everything is there.
#
#   tools/setup.sh           fsck.f2fs, QEMU, and three Linux kernels to mount images with
#   tools/setup.sh --bench   also the peers that the benchmark compares against
#
# Debian packages are installed (as root) or named (otherwise). The kernels, and the f2fs-tools of the next Debian, are
# only unpacked below .cache/judge/, never installed: a machine's own boot setup is not ours to touch.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.cache/judge
peers=$root/.cache/peers

# The libraries decompress compressed clusters (tools/judge/reference-codecs.ts).
packages='f2fs-tools qemu-system-x86 busybox-static cpio kmod xz-utils python3 attr acl e2fsprogs fakeroot grub-common
  liblz4-1 liblzo2-2 libzstd1'
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

# --- other package lists ------------------------------------------------------------------------
# private_apt DIR SED_ARG...: DIR/apt.conf, by which (as APT_CONFIG) apt sees other lists than this machine's: copies of those
# that sed has changed. Its own configuration stays as it is.
private_apt() {
  lists=$1
  shift
  rm -rf "$lists"
  mkdir -p "$lists/parts" "$lists/state/partial"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] || continue
    sed "$@" "$file" >"$lists/parts/$(basename "$file")"
  done
  cat >"$lists/apt.conf" <<CONF
APT::Sandbox::User "root";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$lists/parts";
Dir::State::lists "$lists/state";
Dir::Cache::srcpkgcache "$lists/src.bin";
Dir::Cache::pkgcache "$lists/pkg.bin";
CONF
}

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

# unpack_kernel DEST PACKAGE: a versioned kernel package, with its modules indexed and its version written down.
unpack_kernel() {
  tree=$1
  version=${2#linux-image-}
  set -- "$2"
  # Ubuntu keeps the modules, f2fs among them, in packages of their own.
  for extra in "linux-modules-$version" "linux-modules-extra-$version"; do
    if [ -n "$(apt-cache show "$extra" 2>/dev/null)" ]; then set -- "$@" "$extra"; fi
  done
  unpack "$tree" "$@" || return 1
  PATH=$PATH:/usr/sbin:/sbin depmod -b "$tree" "$version" || return 1
  echo "$version" >"$tree/version"
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
  unpack_kernel "$cache/kernel" "$kernel"
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

# Debian 13 has Linux 6.12, and a newer fsck.f2fs that runs here as it is: they are judges beside those of this machine.
# newer_judges LISTS: unpacks them, with apt's configuration in LISTS/apt.conf.
newer_judges() (
  APT_CONFIG=$1/apt.conf
  export APT_CONFIG
  apt-get -qq update || true
  kernel=$(depends_on "linux-image-$(dpkg --print-architecture)")
  case $kernel in linux-image-6.12.*) ;; *) return 1 ;; esac
  unpack "$cache/f2fs-tools-1.16" f2fs-tools || return 1
  "$cache/f2fs-tools-1.16/usr/sbin/fsck.f2fs" -V | grep -q ' 1\.16' || rm -rf "$cache/f2fs-tools-1.16"
  unpack_kernel "$cache/kernel-6.12" "$kernel"
)

if [ ! -e "$cache/kernel-6.12/version" ] && [ ! -e "$cache/kernel-6.12.missing" ]; then
  echo 'setup: looking for Linux 6.12' >&2
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}") || true
  private_apt "$cache/apt.part" "s/\\b${codename:-none}\\b/trixie/g"
  if ! newer_judges "$cache/apt.part" >"$cache/kernel-6.12.log" 2>&1; then
    echo "setup: no Linux 6.12 here (see $cache/kernel-6.12.log); judging goes on without it" >&2
    : >"$cache/kernel-6.12.missing"
  fi
  rm -rf "$cache/apt.part"
fi

shim=$root/tools/judge/uml-xstate.c
if [ -n "$wide_cpu" ] && [ -e "$cache/uml/version" ] && [ ! "$cache/uml/xstate.so" -nt "$shim" ]; then
  cc -O2 -Wall -shared -fPIC -o "$cache/uml/xstate.so" "$shim" -ldl
fi

# --- peers --------------------------------------------------------------------------------------
# Debian builds sload.f2fs without lz4 and lzo, so its -c does nothing. Built from the very same sources with them it is a
# peer to measure against and a maker of test images; it is never shipped.
if [ -n "$bench" ] && [ ! -e "$peers/sload.f2fs" ]; then
  work=$peers/f2fs-tools.part
  rm -rf "$work"
  private_apt "$work/apt" -e 's/^Types:.*/Types: deb-src/' -e '/^deb-src /d' -e 's/^deb /deb-src /'
  version=$(dpkg-query -W -f='${source:Version}' f2fs-tools)
  echo "setup: building sload.f2fs with lz4 and lzo from the sources of f2fs-tools $version" >&2
  # lz4 1.9.4 and later do not say how large its state is (16416 bytes): the 32 KiB given here are enough.
  { APT_CONFIG=$work/apt/apt.conf apt-get -qq update || true; } >"$work/log" 2>&1
  (cd "$work" && APT_CONFIG=$work/apt/apt.conf apt-get -qq source "f2fs-tools=$version") >>"$work/log" 2>&1 &&
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
