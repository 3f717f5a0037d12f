#!/bin/sh
# compressBlock of lz4js writes LZ4 blocks that liblz4 refuses: its last match may begin 10 or 11 bytes before the end of the block, where
# the format asks for 12. Its own decompressBlock takes them, so a round trip never shows it.
#
# Seen with lz4js 0.2.0 (npm) and liblz4 1.9.4. Expected: blocks that LZ4_decompress_safe takes, which Linux uses too: in a
# compressed file of F2FS such a block is damage. The input is the package's own files, in pieces of 4096 bytes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

apt-get -qq -o APT::Sandbox::User=root download liblz4-1=1.9.4-1
dpkg -x ./liblz4-1_*.deb root
npm init -y >/dev/null
npm install --silent --ignore-scripts lz4js@0.2.0
cat >blocks.cjs <<'JS'
const fs = require('node:fs');
const lz4 = require('lz4js');
const text = fs.readFileSync('node_modules/lz4js/lz4.js');
let count = 0;
for (let at = 0; at + 4096 <= text.length; at += 64) {
  const piece = text.subarray(at, at + 4096);
  const block = Buffer.alloc(lz4.compressBound(piece.length));
  const length = lz4.compressBlock(piece, block, 0, piece.length, new Uint32Array(65536));
  if (length === 0) continue;
  const back = Buffer.alloc(piece.length);
  if (lz4.decompressBlock(block, back, 0, length, 0) !== piece.length || !back.equals(piece)) throw new Error('no round trip');
  fs.writeFileSync(`block-${String(count++).padStart(4, '0')}`, block.subarray(0, length));
}
JS
node blocks.cjs
python3 - "$(find root -name 'liblz4.so.1.*')" <<'PY'
import ctypes, glob, sys
lz4 = ctypes.CDLL(sys.argv[1])
into = ctypes.create_string_buffer(4096)
blocks = [open(name, 'rb').read() for name in sorted(glob.glob('block-*'))]
refused = sum(lz4.LZ4_decompress_safe(block, into, len(block), 4096) != 4096 for block in blocks)
print(f'{len(blocks)} blocks; lz4js decodes all of them, liblz4 refuses {refused}')
sys.exit(0 if refused > 0 else 1)
PY
