// The guest's half of kernel-compress.ts: what a kernel does with one image. The shell is POSIX, perl without modules.

import { basename } from 'node:path';
import { perlNumbers } from './guest-perl.ts';
import { listTree } from './guestscript.ts';

/**
 * perl: `rewrite.pl ROOT SHADOW PLAN PAYLOADS` applies a plan (rewrites.ts) to the files below ROOT and, where that did
 * not fail, to copies of them in SHADOW; prints an errno a line, 0 for none. SHADOW/paths names the copies.
 */
export const rewriteProgram = `${perlNumbers}
($root, $shadow, $plan, $payloads) = @ARGV;
sub slurp { open(my $f, '<', $_[0]) or die "$_[0]: $!"; binmode $f; local $/; my $b = <$f>; close $f; defined $b ? $b : '' }
sub spill { open(my $f, '>', $_[0]) or die "$_[0]: $!"; syswrite($f, $_[1]) == length $_[1] or die "$_[0]: $!" if length $_[1]; close $f }
sub put {
  my ($f, $at, $bytes) = @_;
  sysseek($f, $at, 0);
  while (length $bytes) {
    my $done = syswrite($f, $bytes);
    return $! + 0 if !defined $done;
    $bytes = substr($bytes, $done);
  }
  return 0;
}
sub apply {
  my ($file, $real) = @_;
  open(my $f, $op eq 'release' || $op eq 'reserve' ? '<' : '+<', $file) or return $! + 0;
  my $end = -s $f;
  my $at = $op eq 'append' ? $end : $from;
  if ($op eq 'write' || $op eq 'append') {
    $payload{$kind} = slurp("$payloads/$kind") if !exists $payload{$kind};
    my $start = ($at * 7) % (length($payload{$kind}) - $length + 1);
    return put($f, $at, substr($payload{$kind}, $start, $length));
  }
  if ($op eq 'truncate') { return truncate($f, $at) ? 0 : $! + 0 }
  if ($op eq 'fsync') { return !$real || syscall($call{fsync}, fileno($f)) == 0 ? 0 : $! + 0 }
  if ($op eq 'punch') { return syscall($call{fallocate}, fileno($f), 3, $at + 0, $length + 0) == 0 ? 0 : $! + 0 }
  if ($op eq 'allocate') { return syscall($call{fallocate}, fileno($f), 0, $at + 0, $length + 0) == 0 ? 0 : $! + 0 }
  my $count = pack('Q', 0);
  if ($op eq 'release') { return !$real || defined ioctl($f, ior(0xf5, 18, 8), $count) ? 0 : $! + 0 }
  if ($op eq 'reserve') { return !$real || defined ioctl($f, ior(0xf5, 19, 8), $count) ? 0 : $! + 0 }
  die "no operation $op";
}
@fields = split /\\0/, slurp($plan), -1;
pop @fields;
while (@fields) {
  ($op, $path, $from, $length, $kind) = splice @fields, 0, 5;
  if (!exists $number{$path}) {
    $number{$path} = scalar keys %number;
    $paths .= "$path\\0";
    spill("$shadow/$number{$path}", slurp("$root/$path"));
  }
  $errno = apply("$root/$path", 1);
  print "$errno\\n";
  apply("$shadow/$number{$path}", 0) if $errno == 0;
}
spill("$shadow/paths", $paths);
`;

/** perl: `verify.pl ROOT SHADOW` prints a line for each file below ROOT that is not as its copy. */
export const verifyProgram = `
($root, $shadow) = @ARGV;
sub slurp { open(my $f, '<', $_[0]) or do { print "$_[0]: $!\\n"; return undef }; binmode $f; local $/; my $b = <$f>; close $f; defined $b ? $b : '' }
for $path (split /\\0/, slurp("$shadow/paths")) {
  $want = slurp("$shadow/" . $i++);
  $got = slurp("$root/$path");
  next if !defined $got || $got eq $want;
  $at = 0;
  $at++ while $at < length $got && $at < length $want && substr($got, $at, 1) eq substr($want, $at, 1);
  print "$path: ", length $got, ' bytes, should be ', length $want, "; the first other one at $at\\n";
}
`;

/**
 * perl: `stats.pl ROOT` prints, for every regular file, its path, its blocks of 512 bytes, its i_flags, its saved blocks
 * (F2FS_IOC_GET_COMPRESS_BLOCKS), its algorithm and the log of its cluster size, each ended by NUL; empty: not compressed.
 */
export const statsProgram = `${perlNumbers}
sub walk {
  my ($dir) = @_;
  opendir(my $d, $dir) or die "$dir: $!";
  for my $name (sort readdir $d) {
    next if $name eq '.' || $name eq '..';
    my $path = "$dir/$name";
    my @s = lstat $path;
    if (-d _) { walk($path) }
    elsif (-f _) {
      my ($flags, $saved, $option) = (pack('Q', 0), pack('Q', 0), pack('CC', 0, 0));
      my @more = ('', '', '', '');
      if (open(my $f, '<', $path)) {
        $more[0] = unpack('L', $flags) if defined ioctl($f, ior(0x66, 1, 8), $flags);
        $more[1] = unpack('Q', $saved) if defined ioctl($f, ior(0xf5, 17, 8), $saved);
        @more[2, 3] = unpack('CC', $option) if defined ioctl($f, ior(0xf5, 21, 2), $option);
      }
      print substr($path, 1 + length $root), "\\0$s[12]\\0", join("\\0", @more), "\\0";
    }
  }
}
$root = $ARGV[0];
walk($root);
`;

/** A directory's worth of files that the kernel is to compress. */
export interface Variant {
  /** Made below the image's root. */
  readonly directory: string;
  /** Such as `compress_algorithm=zstd:3,compress_log_size=4,compress_chksum`. */
  readonly mountOptions: string;
  /** The directory on this machine that is copied into it. */
  readonly tree: string;
}

/** What is to be done with one image; paths are the guest's, given in shell syntax. */
export interface GuestImage {
  readonly device: string;
  /** A folder of the shared one, for reports. */
  readonly out: string;
  /** Their trees are directories of the guest's. */
  readonly variants: readonly Variant[];
  readonly mountOptions: string;
  readonly rewrites: boolean;
}

/** The functions that {@link guestImage} calls. */
export const guestFunctions = `${listTree}
programs=$SHARE/programs
look() { # OUT: the tree at /mnt as it is on disk
  mkdir -p "$1" && list_tree /mnt "$1" && perl "$programs/stats.pl" /mnt > "$1/stats" 2>> "$1/errors"
}
unpack() { # TAR DIR: what lies in the shared folder is slow to read twice
  [ -e "$2" ] || { mkdir "$2" && tar -C "$2" --numeric-owner -xpf "$1"; }
}
remount() { # DEV OPTIONS: what is cached is let go of
  if grep -q ' /mnt f2fs' /proc/mounts; then umount /mnt || return 1; fi
  mount -t f2fs -o "$2" "$1" /mnt
}
`;

/** Shell lines for one image. `steps` in its folder names the steps that succeeded. */
export function guestImage({ device, out, variants, mountOptions, rewrites }: GuestImage): string {
  const options = ['rw', 'noatime', mountOptions].filter((option) => option !== '').join(',');
  const copies = variants.map(
    ({ directory, mountOptions, tree }) => `
  remount ${device} 'noatime,compress_extension=*,${mountOptions}' 2>> "$out/mount.err" &&
    unpack "$SHARE/${basename(tree)}.tar" "${tree}" && mkdir "/mnt/${directory}" && cp -a "${tree}/." "/mnt/${directory}" && sync -f /mnt && echo 'made ${directory}' >> "$out/steps"`,
  );
  const rewriting = `
  rm -rf /tmp/shadow && mkdir /tmp/shadow
  perl "$programs/rewrite.pl" /mnt /tmp/shadow "$out/plan" "$SHARE/payloads" > "$out/errnos" 2>> "$out/errors" &&
    sync -f /mnt && echo rewritten >> "$out/steps"
  remount ${device} '${options}' 2>> "$out/mount.err" && look "$out/after" && echo after >> "$out/steps"
  perl "$programs/verify.pl" /mnt /tmp/shadow > "$out/differences" 2>> "$out/errors" && echo verified >> "$out/steps"
  rm -rf /tmp/shadow`;
  return `
out=${out}
dmesg -c > /dev/null 2>&1
${copies.join('\n')}
if remount ${device} '${options}' 2>> "$out/mount.err"; then
  echo mount >> "$out/steps"
  look "$out/before" && echo before >> "$out/steps"${rewrites ? rewriting : ''}
fi
umount /mnt && echo umount >> "$out/steps"
dmesg > "$out/dmesg" 2>&1
echo end >> "$out/steps"
`;
}
