# Runs in the guest (see make-encrypted.sh) as root, in a POSIX sh. $DEV0 is the image.
set -eu

# The kernel's own; $MODULES is where the host has them.
for module in ecb cbc xts cts hmac sha512_generic; do
  file=$(find "/host$MODULES/kernel/crypto" -name "$module.ko*")
  case $file in
    *.xz) xz -dc "$file" > /tmp/module.ko ;;
    ?*) cp "$file" /tmp/module.ko ;;
    '') continue ;;
  esac
  insmod /tmp/module.ko 2> /dev/null || :
done

mkfs.f2fs -q -O encrypt,verity,casefold,extra_attr,inode_checksum,inode_crtime,lost_found,sb_checksum -C utf8 "$DEV0"
mount -t f2fs -o test_dummy_encryption=v2 "$DEV0" /mnt
mkdir /mnt/few /mnt/many /mnt/folded
chattr +F /mnt/folded
echo contents > /mnt/few/file
: > /mnt/few/empty
ln -s 'the target' /mnt/few/link
mkfifo /mnt/few/fifo
mkdir -p /mnt/few/dir/below
echo deep > /mnt/few/dir/below/file
# Of 149 bytes of ciphertext all are shown, of more a digest; 16 are the least.
perl -e 'for (1, 16, 17, 128, 144, 145, 149, 150, 160, 192, 254, 255) { open(F, ">", "/mnt/few/" . "n" x $_) or die }
  for (0 .. 299) { open(F, ">", sprintf("/mnt/many/file %03d", $_)) or die }'
echo Folded > /mnt/folded/Name
umount /mnt
# Without the key, and something that is not encrypted.
mount -t f2fs "$DEV0" /mnt
mkdir /mnt/plain
echo plain > /mnt/plain/file
mkdir /mnt/upper
chattr +F /mnt/upper
echo folded > /mnt/upper/Name
umount /mnt
mount -t f2fs -o ro "$DEV0" /mnt
cd /mnt
find . -mindepth 1 -printf '%y %i %n %P\n' | sort -k 4
cd /
umount /mnt

# The second image, cut off after an fsync of new files, in directories of each kind.
mkfs.f2fs -q -O encrypt,verity,casefold,extra_attr,inode_checksum,inode_crtime,lost_found,sb_checksum -C utf8 "$DEV1"
mount -t f2fs "$DEV1" /mnt
mkdir /mnt/upper /mnt/uppers
chattr +F /mnt/upper /mnt/uppers
for i in $(seq 300); do : > "/mnt/uppers/File $i"; done
umount /mnt
mount -t f2fs -o test_dummy_encryption=v2 "$DEV1" /mnt
mkdir /mnt/few /mnt/many /mnt/folded /mnt/foldeds
chattr +F /mnt/folded /mnt/foldeds
for i in $(seq 300); do : > "/mnt/many/file $i"; : > "/mnt/foldeds/File $i"; done
: > /mnt/few/replaced
sync
rm /mnt/few/replaced
long=$(printf 'N%.0s' $(seq 200))
for name in few/replaced few/new few/$long many/new many/$long folded/New foldeds/New foldeds/$long \
  upper/New upper/ALL.TXT uppers/New 'uppers/[new] ~^_`|' uppers/$long; do
  echo "contents of $name" > "/mnt/$name"
  in_host sync "/mnt/$name"
done
in_host f2fs_io shutdown 2 /mnt > /dev/null
umount /mnt
dd if="$DEV1" of="$DEV2" bs=1M 2> /dev/null
mount -t f2fs "$DEV2" /mnt
echo 'once recovered:'
cd /mnt
find . -mindepth 1 -printf '%y %i %n %P\n' | sort -k 4
cd /
umount /mnt
