# Runs in the guest (see make-sload.sh) as root, in a POSIX sh. $DEV0 is the image.
set -eu

# text SIZE SEED: that many bytes, different for every seed.
text() { perl -e '($n, $s) = @ARGV; $t = ""; $i = 0; $t .= "seed $s, line " . $i++ . "\n" while length $t < $n; print substr($t, 0, $n)' "$1" "$2"; }
# noise SIZE SEED: bytes that do not compress.
noise() { perl -e 'srand $ARGV[1]; print join("", map { chr int rand 256 } 1 .. $ARGV[0])' "$1" "$2"; }

# tree DIR CLUSTER: files whose sizes lie around those of clusters of that many bytes. No hard links: after those sload.f2fs
# leaves an inode checksum wrong.
tree() {
  mkdir -p "$1/sub"
  : > "$1/empty"
  text 100 inline > "$1/inline.txt"
  text 5000 small > "$1/small.txt"
  text "$(($2 - 1))" less > "$1/a-byte-less.txt"
  text "$2" one > "$1/one.txt"
  text "$(($2 + 1))" more > "$1/a-byte-more.txt"
  text "$((5 * $2))" five > "$1/sub/five.so"
  text "$((5 * $2 + 5000))" tail > "$1/sub/tail"
  perl -e 'print "\0" x $ARGV[0]' "$((2 * $2 + 10))" > "$1/zeros.dat"
  { text "$2" before; noise "$2" 1; text "$((2 * $2))" after; } > "$1/mixed.so"
  noise 9000 2 > "$1/noise.jpg"
  text "$((3 * $2))" jpg > "$1/text.jpg"
  ln -s one.txt "$1/link"
}

# load DIR CLUSTER OPTION...: makes a tree named DIR and has sload.f2fs compress it; whole seconds, for it knows no others.
load() {
  name=$1
  mkdir -p "/tmp/tree/$name"
  tree "/tmp/tree/$name/$name" "$2"
  shift 2
  find "/tmp/tree/$name" -depth -exec touch -h -d @1700000000 {} +
  /tools/peers/sload.f2fs -c "$@" -P -f "/tmp/tree/$name" "$DEV0" > /tmp/sload.log 2>&1 || { cat /tmp/sload.log; exit 1; }
}

mkfs.f2fs -q -O extra_attr,inode_checksum,sb_checksum,compression "$DEV0"
load lz4-16k 16384 -a lz4
load lzo-32k-txt-so 32768 -a lzo -L 3 -i txt -i so
load lz4-64k-no-jpg 65536 -a lz4 -L 4 -x jpg
load lz4-32k-released 32768 -a lz4 -L 3 -r
load lzo-16k-saves-2 16384 -a lzo -m 2

# What the kernel reads is what was loaded.
mount -t f2fs -o ro "$DEV0" /mnt
for tree in /tmp/tree/*; do
  (cd "$tree" && find . -type f) | while read -r path; do cmp "$tree/$path" "/mnt/$path"; done
done
umount /mnt
