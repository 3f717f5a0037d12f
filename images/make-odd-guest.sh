# Runs in the guest (see make-odd.sh) as root, in a POSIX sh. $DEV0 and $DEV1 are the images, in its order.
set -eu

features=extra_attr,inode_checksum,sb_checksum,inode_crtime,compression
options=compress_algorithm=lz4,compress_extension=txt
perl -e 'for ($i = 0; length $t < 300000; $i++) { $t .= "line $i of a text that is compressed\n" } print substr($t, 0, 300000)' > /tmp/text

mkfs.f2fs -q -O $features "$DEV0"
mount -t f2fs -o $options,compress_log_size=4 "$DEV0" /mnt
dd if=/tmp/text of=/mnt/far.txt bs=4096 seek=5000 conv=notrunc status=none
# A size that the nodes of a file with clusters can't reach.
cp /tmp/text /mnt/large.txt
truncate -s 4329687105536 /mnt/large.txt
: > /mnt/hole.txt
truncate -s 4325430689792 /mnt/hole.txt
umount /mnt

mkfs.f2fs -q -O $features "$DEV1"
mount -t f2fs -o $options,compress_log_size=2 "$DEV1" /mnt
cp /tmp/text /mnt/lost.txt
cp /tmp/text /mnt/other.txt
sync
perl -e 'open(F, "<", "/mnt/lost.txt") or die; $n = pack("Q", 0); ioctl(F, 0x8008f512, $n) or die "release: $!"'
# Allowed, which is the fault: the slots are there again, but not counted as saved.
fallocate -l 300000 /mnt/lost.txt
perl -e 'open(F, "<", "/mnt/lost.txt") or die; $n = pack("Q", 0); ioctl(F, 0x8008f513, $n) or die "reserve: $!"'
umount /mnt
for device in "$DEV0" "$DEV1"; do
  mount -t f2fs -o ro "$device" /mnt
  for file in /mnt/*.txt; do
    stat -c '%n %i %s' "$file"
    [ "$(stat -c %s "$file")" -gt 1000000000 ] || sha256sum "$file"
  done
  umount /mnt
done
