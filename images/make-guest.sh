# Runs in the guest (see make.sh) as root, in a POSIX sh. $DEV0 ... are the images in the order that make.sh gives.
set -eu

# blocks FROM TO: content whose every 4 KiB differ from all others, yet gzip to next to nothing.
blocks() { perl -e 'for ($n = $ARGV[0]; $n < $ARGV[1]; $n++) { print sprintf("%-15d\n", $n) x 256 }' "$1" "$2"; }
# text SIZE SEED: that many bytes, different for every seed.
text() { perl -e '($n, $s) = @ARGV; $t = ""; $i = 0; $t .= "seed $s, line " . $i++ . "\n" while length $t < $n; print substr($t, 0, $n)' "$1" "$2"; }
# at FILE BLOCK TEXT: puts text at the start of a block.
at() { printf %s "$3" | dd of="$1" bs=4096 seek="$2" conv=notrunc status=none; }
# value LENGTH: an xattr value.
value() { perl -e 'print "v" x $ARGV[0]' "$1"; }

small_tree() {
  mkdir -p "$1/etc/conf.d" "$1/empty" "$1/usr/share/doc"
  echo 'hello, world' > "$1/hello"
  : > "$1/nothing"
  text 100 1 > "$1/etc/passwd"
  text 3488 2 > "$1/etc/conf.d/inline-most"
  text 4096 3 > "$1/etc/conf.d/one-block"
  text 40000 4 > "$1/usr/share/doc/ten-blocks"
  blocks 0 600 > "$1/usr/share/large"
  ln -s hello "$1/link"
  ln -s ../../etc/passwd "$1/usr/share/up"
  ln "$1/hello" "$1/usr/hard"
  chmod 4755 "$1/hello"
  chmod 1777 "$1/empty"
  chown 1000:1001 "$1/etc/passwd"
}

# far_blocks FILE FIRST: blocks on both sides of the edges that lie gigabytes apart; FIRST addresses are in the inode.
far_blocks() {
  for block in $(($2 + 2036 + 1018 * 1018 - 1)) $(($2 + 2036 + 1018 * 1018)) $(($2 + 2036 + 2 * 1018 * 1018 - 1)) \
    $(($2 + 2036 + 2 * 1018 * 1018)) $(($2 + 2036 + 2 * 1018 * 1018 + 123456)); do
    at "$1" "$block" "block $block"
  done
}

varied_tree() {
  root=$1
  small_tree "$root/small"

  # Every size around the edges: inline data (3488, 3452, 3688, 3652 at most, by features), blocks.
  mkdir "$root/sizes"
  for size in 0 1 2 15 16 17 3440 3450 3451 3452 3453 3460 3487 3488 3489 3500 3600 3650 3651 3652 3653 3654 \
    3687 3688 3689 3690 3700 4000 4095 4096 4097 8191 8192 8193 16383 16385; do
    text "$size" "$size" > "$root/sizes/$size"
  done
  for size in 65535 65537 2097151 2097152 2097153; do blocks 1000 1513 | head -c "$size" > "$root/sizes/$size"; done

  # Sparse files, and blocks on both sides of every edge of the node tree: 872, 873 or 923 addresses in the inode
  # (by features), then two direct nodes of 1018, two indirect ones of 1018 * 1018, one double indirect
  # (only in far_blocks: a file of 9 GB takes long to hash).
  mkdir "$root/sparse"
  truncate -s 100000 "$root/sparse/hole"
  at "$root/sparse/middle" 10 'after a hole'
  truncate -s 81920 "$root/sparse/middle"
  for first in 814 864 873 914 923; do
    for block in 0 $((first - 1)) "$first" $((first + 1017)) $((first + 1018)) $((first + 2035)) $((first + 2036)) \
      $((first + 2036 + 1017)) $((first + 2036 + 1018)); do
      at "$root/sparse/from-$first" "$block" "block $block of $first"
    done
  done
  blocks 2000 2900 > "$root/sparse/was-longer"
  truncate -s 5000 "$root/sparse/was-longer"
  fallocate -l 200000 "$root/sparse/reserved"
  blocks 3000 3020 > "$root/sparse/punched"
  fallocate -p -o 16384 -l 20000 "$root/sparse/punched"

  # Directories: inline, grown out of inline, of many hash levels, with holes where entries were.
  mkdir "$root/dirs" "$root/dirs/inline" "$root/dirs/blocks" "$root/dirs/large" "$root/dirs/holes"
  echo one > "$root/dirs/target"
  perl -e 'link("$ARGV[0]/target", sprintf("$ARGV[0]/inline/%d", $_)) for 1 .. 20;
    link("$ARGV[0]/target", sprintf("$ARGV[0]/blocks/a name that takes several slots %d", $_)) for 1 .. 300;
    link("$ARGV[0]/target", sprintf("$ARGV[0]/large/%d", $_)) for 1 .. 3000;
    link("$ARGV[0]/target", sprintf("$ARGV[0]/holes/file-%d", $_)) for 1 .. 600;
    for (1 .. 600) { unlink sprintf("$ARGV[0]/holes/file-%d", $_) if $_ % 3 }' "$root/dirs"
  deep=$root/dirs/deep
  for level in 1 2 3 4 5 6 7 8 9 10 11 12; do deep=$deep/$level; done
  mkdir -p "$deep"
  echo bottom > "$deep/bottom"

  # Names: any byte but / and NUL, up to 255 of them.
  mkdir "$root/names"
  perl -e 'chdir $ARGV[0] or die;
    for $name ("a" x 255, "\xff\xfe\x80", "line\nbreak", " space ", "back\\slash", "q\x27\"uote", "-dash", "*", "...", "..a",
      "\xc3\xa9t\xc3\xa9", "\xe6\xbc\xa2" x 85, "tab\t", "\x01\x7f", "CaseA", "casea", "12345678", "123456789") {
      open(F, ">", $name) or die; print F "named ", unpack("H*", $name); close F }' "$root/names"

  # Symbolic links: inline, and in a block of their own.
  mkdir "$root/links"
  ln -s x "$root/links/short"
  ln -s "$(value 3487)" "$root/links/3487"
  ln -s "$(value 4000)" "$root/links/4000"
  perl -e 'symlink "\xff\n", "$ARGV[0]/bytes" or die' "$root/links"
  ln "$root/links/short" "$root/links/second-name"

  mkdir "$root/special"
  mknod "$root/special/fifo" p
  mknod "$root/special/null" c 1 3
  mknod "$root/special/wide" c 300 70000
  mknod "$root/special/loop" b 7 200
  mknod "$root/special/nvme" b 259 300
  perl -e 'syscall(133, "$ARGV[0]/socket", 0140640, 0) == 0 or die' "$root/special"

  # Xattrs: inside the inode, spilled into a block, on every kind of inode; ACLs.
  mkdir "$root/xattrs"
  for name in one many large dir; do
    if [ "$name" = dir ]; then mkdir "$root/xattrs/$name"; else text 5000 "$name" > "$root/xattrs/$name"; fi
    setfattr -n user.short -v "$name" "$root/xattrs/$name"
  done
  echo inline > "$root/xattrs/inline-with-block"
  setfattr -n user.large -v "$(value 1500)" "$root/xattrs/inline-with-block"
  for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
    setfattr -n "user.attribute-$i" -v "$(value $((i * 7)))" "$root/xattrs/many"
  done
  setfattr -n user.large -v "$(value 3000)" "$root/xattrs/large"
  setfattr -n user.empty "$root/xattrs/large"
  setfattr -n user.bytes -v 0x00ff0a5c "$root/xattrs/large"
  setfattr -n trusted.overlay.opaque -v y "$root/xattrs/dir"
  setfattr -n security.selinux -v 'system_u:object_r:etc_t:s0' "$root/xattrs/one"
  setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 "$root/xattrs/one"
  ln -s nowhere "$root/xattrs/link"
  setfattr -h -n trusted.link -v on-a-link "$root/xattrs/link"
  mknod "$root/xattrs/fifo" p
  setfattr -n trusted.fifo -v on-a-fifo "$root/xattrs/fifo"
  mkdir "$root/xattrs/acl-dir"
  setfacl -m u:1000:rwx,g:100:r-x,m:rwx -d -m u:1000:rw,g:7:r "$root/xattrs/acl-dir"
  setfacl -m u:1000:rwx,g:100:r-x "$root/xattrs/acl-dir"
  echo inherits > "$root/xattrs/acl-dir/inherits"
  echo acl > "$root/xattrs/acl-file"
  setfacl -m u:65540:rw,u:1:r,g:4000000000:rwx "$root/xattrs/acl-file"

  # Owners, modes and times that do not fit in few bits.
  mkdir "$root/owners"
  for mode in 0000 0644 2755 4711 7777; do
    echo "$mode" > "$root/owners/$mode"
    chown 70000:4294967294 "$root/owners/$mode"
    chmod "$mode" "$root/owners/$mode"
  done
  for time in 0 0.000000001 -1.5 1234567890.123456789 4294967296.999999999 10000000000; do
    echo "$time" > "$root/owners/time$time"
    touch -d "@$time" "$root/owners/time$time"
  done
  chmod 0750 "$root"
  touch -d '2001-02-03 04:05:06.070809' "$root"
}

# compressed DEV OPTIONS LOG DIR NOISE: mounts with these options and writes files that will be compressed.
compressed() {
  mount -t f2fs -o "compress_extension=*,compress_log_size=$3,$2" "$1" /mnt
  dir=/mnt/$4
  mkdir "$dir"
  text 100 small > "$dir/smaller-than-a-cluster"
  text 65536 whole > "$dir/whole-clusters"
  text 70000 tail > "$dir/tail"
  text 65535 cut > "$dir/last-page-cut"
  # Clusters that save nothing stay raw: noise, with text before and after it.
  perl -e 'srand 5; print "text " x 26215, join("", map { chr int rand 256 } 1 .. $ARGV[0]), "more " x 13107' "$5" > "$dir/mixed"
  at "$dir/holes" 40 'far behind a hole'
  at "$dir/holes" 3 'in the first clusters'
  text 131072 over > "$dir/overwritten"
  sync
  at "$dir/overwritten" 5 'a part of a cluster, written anew'
  text 131072 trunc > "$dir/truncated"
  sync
  truncate -s 50000 "$dir/truncated"
  perl -e 'print "\0" x 131072' > "$dir/zeros"
  text 65536 released > "$dir/released"
  sync
  # F2FS_IOC_RELEASE_COMPRESS_BLOCKS: gives back the blocks that compression saved, and makes the file immutable.
  perl -e 'open(F, "<", $ARGV[0]) or die; $n = pack("Q", 0); ioctl(F, 0x8008f512, $n) or die "release: $!"' "$dir/released"
  umount /mnt
}

mkfs.f2fs -q "$DEV0"
mkfs.f2fs -q -l 'a label: é' -O extra_attr,inode_checksum,sb_checksum,inode_crtime,flexible_inline_xattr,compression,lost_found "$DEV1"
mkfs.f2fs -q -i "$DEV2"

mkdir /tmp/tree
small_tree /tmp/tree
mkfs.f2fs -q "$DEV3"
sload.f2fs -P -f /tmp/tree "$DEV3" > /tmp/sload.log || { cat /tmp/sload.log; exit 1; }

mkfs.f2fs -q "$DEV4"
mount -t f2fs "$DEV4" /mnt
varied_tree /mnt
far_blocks /mnt/far 873
umount /mnt

mkfs.f2fs -q -O extra_attr,inode_checksum,sb_checksum,inode_crtime,flexible_inline_xattr,lost_found "$DEV5"
mount -t f2fs -o inline_xattr_size=100 "$DEV5" /mnt
varied_tree /mnt
umount /mnt

mkfs.f2fs -q -O extra_attr,project_quota,quota,casefold -C utf8 "$DEV6"
mount -t f2fs "$DEV6" /mnt
small_tree /mnt/tree
mkdir /mnt/folded
chattr +F /mnt/folded
for name in Readme MAKEFILE 'ÉTÉ' straße; do echo "$name" > "/mnt/folded/$name"; done
umount /mnt

mkfs.f2fs -q -O extra_attr,inode_checksum,compression "$DEV7"
compressed "$DEV7" compress_algorithm=lz4 2 lz4-16k 16384
compressed "$DEV7" compress_algorithm=lz4,compress_chksum 4 lz4-64k-checksum 0
compressed "$DEV7" compress_algorithm=lz4:9 2 lz4hc-16k 0
compressed "$DEV7" compress_algorithm=zstd 3 zstd-32k 32768
compressed "$DEV7" compress_algorithm=zstd:12,compress_chksum 5 zstd12-128k-checksum 0
compressed "$DEV7" compress_algorithm=lzo 2 lzo-16k 16384
compressed "$DEV7" compress_algorithm=lzo-rle 2 lzo-rle-16k 16384

# A power cut: what was synced is in the checkpoint, what was fsynced must be rolled forward, the rest is lost.
mkfs.f2fs -q "$DEV8"
mount -t f2fs "$DEV8" /mnt
small_tree /mnt/synced
sync
text 9000 fsynced > /mnt/fsynced
sync /mnt/fsynced
text 20000 again >> /mnt/fsynced
sync /mnt/fsynced
at /mnt/synced/usr/share/large 100 'rewritten after the checkpoint'
sync /mnt/synced/usr/share/large
echo changed > /mnt/synced/etc/passwd
sync /mnt/synced/etc/passwd
echo lost > /mnt/never-synced
dd if="$DEV8" of=/tmp/cut.img bs=1M status=none
umount /mnt
dd if=/tmp/cut.img of="$DEV8" bs=1M status=none conv=fsync

# A power cut under checkpoint=disable: what was written since is lost, synced and fsynced or not.
mkfs.f2fs -q -O extra_attr,inode_checksum,sb_checksum,inode_crtime "$DEV9"
mount -t f2fs "$DEV9" /mnt
small_tree /mnt/kept
sync
mount -o remount,checkpoint=disable /mnt
text 9000 lost > /mnt/lost
sync /mnt/lost
at /mnt/kept/usr/share/large 100 'rewritten in vain'
text 9000 lost > /mnt/kept/hello
rm /mnt/kept/etc/passwd
mv /mnt/kept/empty /mnt/moved
sync
dd if="$DEV9" of=/tmp/cut.img bs=1M status=none
umount /mnt
dd if=/tmp/cut.img of="$DEV9" bs=1M status=none conv=fsync
