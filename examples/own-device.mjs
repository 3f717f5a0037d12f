// A device of one's own: six members over whatever keeps bytes. This one keeps the blocks that were written in a map, and
// ends as a gzipped image.
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { BLKSIZE, format, mount } from 'f2fs';

const [file = 'new.img.gz'] = process.argv.slice(2);
const blocks = new Map();
const device = {
  nrBlocks: (64 * 2 ** 20) / BLKSIZE,
  read(blkaddr, into) {
    for (let at = 0; at < into.length; at += BLKSIZE) {
      const block = blocks.get(blkaddr + at / BLKSIZE);
      if (block === undefined) into.fill(0, at, at + BLKSIZE);
      else into.set(block, at);
    }
  },
  write(blkaddr, vectors) {
    // What is written lies in memory that is used again: it is copied.
    const bytes = Buffer.concat(vectors);
    for (let at = 0; at < bytes.length; at += BLKSIZE)
      blocks.set(blkaddr + at / BLKSIZE, bytes.subarray(at, at + BLKSIZE));
  },
  flush() {},
  discard(blkaddr, nrBlocks) {
    for (let at = blkaddr; at < blkaddr + nrBlocks; at++) blocks.delete(at);
  },
  close() {},
};

format(device);
const volume = mount(device);
volume.writeFile('/hello', 'from memory\n');
volume.close();

const image = Buffer.alloc(device.nrBlocks * BLKSIZE);
for (const [blkaddr, block] of blocks) image.set(block, blkaddr * BLKSIZE);
const packed = gzipSync(image);
writeFileSync(file, packed);
console.log(`${file}: ${blocks.size} blocks written, ${packed.length} bytes`);
