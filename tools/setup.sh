#!/bin/sh
# Installs what judging an image needs, and prints nothing when everything is there.
#
#   tools/setup.sh                 fsck.f2fs, QEMU, and four Linux kernels to mount images with
#   tools/setup.sh --large-pages   also three with pages of 16 and 64 KiB, of other architectures: 400 MB to download
#   tools/setup.sh --bench         also the peers that the benchmark compares against
#
# Debian packages are installed (as root) or named (otherwise). The kernels, and the f2fs-tools of the next Debian, are
# only unpacked below .cache/judge/, never installed: a machine's own boot setup is not ours to touch.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.cache/judge
peers=$root/.cache/peers

# The libraries decompress compressed clusters (tools/judge/reference-codecs.ts).
packages='f2fs-tools qemu-system-x86 busybox-static cpio kmod xz-utils python3 attr acl e2fsprogs fakeroot grub-common
  liblz4-1 liblzo2-2 libzstd1 libarchive-tools lz4 zstd'
bench=
large_pages=
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
    --large-pages)
      large_pages=1
      packages="$packages qemu-system-arm qemu-system-ppc"
      ;;
    *) echo "usage: tools/setup.sh [--large-pages] [--bench]" >&2; exit 2 ;;
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
# private_apt DIR ARCHITECTURE SED_ARG...: DIR/apt.conf, by which (as APT_CONFIG) apt sees other lists than this machine's:
# copies of those that sed has changed, for that architecture, and none of its packages as installed. The machine's own
# configuration stays as it is.
private_apt() {
  lists=$1
  architecture=$2
  shift 2
  rm -rf "$lists"
  mkdir -p "$lists/parts" "$lists/state/partial"
  : >"$lists/status"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] || continue
    sed -e '/^Architectures:/d' -e 's/\barch=[^] ]*//' "$@" "$file" >"$lists/parts/$(basename "$file")"
  done
  cat >"$lists/apt.conf" <<CONF
#clear APT::Architectures;
APT::Architectures { "$architecture"; };
APT::Architecture "$architecture";
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$lists/parts";
Dir::State::lists "$lists/state";
Dir::State::status "$lists/status";
Dir::Cache::srcpkgcache "$lists/src.bin";
Dir::Cache::pkgcache "$lists/pkg.bin";
CONF
}

# suite_apt DIR ARCHITECTURE SUITE: the same, with another suite of Debian in place of this machine's.
suite_apt() {
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}") || true
  # sid is one suite, without updates of its own.
  tail='\b'
  if [ "$3" = sid ]; then tail='\(-[a-z-]*\)*\b'; fi
  private_apt "$1" "$2" -e "s/\\b${codename:-none}$tail/$3/g"
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
  # A merged /usr (Debian 13) has all below usr; modprobe -d and programs want to find it at the root, too.
  for name in bin sbin lib lib64; do
    if [ -d "$part/usr/$name" ] && [ ! -e "$part/$name" ]; then ln -s "usr/$name" "$part/$name"; fi
  done
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
  # Ubuntu, and Debian after 13, keep the modules, f2fs among them, in packages of their own; Debian the kernel as well.
  for extra in "linux-binary-$version" "linux-modules-$version" "linux-modules-extra-$version"; do
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

# other_kernel NAME SUITE ARCHITECTURE META: unpacks into kernel-NAME the kernel that META stands for in another suite of
# Debian, whichever version that has now, unless it is there; where it can't be had, kernel-NAME.missing says so.
other_kernel() {
  target=$cache/kernel-$1
  if [ -e "$target/version" ] || [ -e "$target.missing" ]; then return 0; fi
  echo "setup: looking for $4 of Debian $2" >&2
  suite_apt "$cache/apt.part" "$3" "$2"
  if ! fetch_kernel "$target" "$4" >"$target.log" 2>&1; then
    echo "setup: no $4 here (see $target.log); judging goes on without it" >&2
    : >"$target.missing"
  fi
  rm -rf "$cache/apt.part"
}

# fetch_kernel DEST META: with the lists of suite_apt, and what comes with that kernel.
fetch_kernel() (
  APT_CONFIG=$cache/apt.part/apt.conf
  export APT_CONFIG
  apt-get -qq update || true
  kernel=$(depends_on "$2")
  case $1:$kernel in
    *sid:linux-image-* | *6.12:linux-image-6.12.*) ;;
    *) return 1 ;;
  esac
  if [ "$1" = "$cache/kernel-6.12" ]; then newer_fsck || return 1; fi
  unpack_kernel "$1" "$kernel"
)

# Debian 13's fsck.f2fs runs here as it is: it is a judge beside that of this machine.
newer_fsck() {
  unpack "$cache/f2fs-tools-1.16" f2fs-tools || return 1
  "$cache/f2fs-tools-1.16/usr/sbin/fsck.f2fs" -V | grep -q ' 1\.16' || rm -rf "$cache/f2fs-tools-1.16"
}

# guest_root ARCHITECTURE: unpacks into root-ARCHITECTURE the programs that guests of that architecture run, in the versions
# of this machine's own suite: they print what the machine's own do.
guest_root() {
  target=$cache/root-$1
  if [ -e "$target" ] || [ -e "$target.missing" ]; then return 0; fi
  echo "setup: looking for programs of $1" >&2
  private_apt "$cache/apt.part" "$1"
  if ! fetch_root "$target" >"$target.log" 2>&1; then
    echo "setup: no programs of $1 here (see $target.log); judging goes on without its kernels" >&2
    : >"$target.missing"
  fi
  rm -rf "$cache/apt.part"
}

# fetch_root DEST: with the lists of private_apt.
fetch_root() (
  APT_CONFIG=$cache/apt.part/apt.conf
  export APT_CONFIG
  apt-get -qq update || true
  programs=$(apt-get -qq -s --no-install-recommends install acl attr busybox-static coreutils dash diffutils e2fsprogs \
    f2fs-tools findutils perl-base python3 tar util-linux | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
  [ -n "$programs" ] || return 1
  # shellcheck disable=SC2086  # the list is meant to be split
  unpack "$1.new" $programs || return 1
  # Where a guest mounts what is its own.
  for name in dev mnt proc tmp; do mkdir -p "$1.new/$name"; done
  mv "$1.new" "$1"
)

ours=$(dpkg --print-architecture)
other_kernel 6.12 trixie "$ours" "linux-image-$ours"
other_kernel sid sid "$ours" "linux-image-$ours"
if [ -n "$large_pages" ]; then
  guest_root arm64
  other_kernel 16k-6.12 trixie arm64 linux-image-arm64-16k
  other_kernel 16k-sid sid arm64 linux-image-arm64-16k
  guest_root ppc64el
  other_kernel 64k-sid sid ppc64el linux-image-powerpc64le-64k
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
  private_apt "$work/apt" "$(dpkg --print-architecture)" -e 's/^Types:.*/Types: deb-src/' -e '/^deb-src /d' -e 's/^deb /deb-src /'
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
