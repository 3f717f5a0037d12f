// A directory of the host becomes an image; with a fixed uuid and time it is the same each time, bit for bit.
import { build, parseCodec } from 'f2fs';

const [tree = '.', image = 'new.img'] = process.argv.slice(2);
const report = await build(tree, image, {
  force: true,
  uuid: '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
  sourceDateEpoch: 1_700_000_000,
  owner: { uid: 0, gid: 0 },
  compress: { codec: parseCodec('zstd:3'), clusterPages: 16 },
});

for (const { path, code, message } of report.problems) console.error(`${path}: ${message} (${code})`);
const { files, directories, contentBytes, imageBytes, compression } = report;
console.log(`${image}: ${files} files, ${directories} directories, ${contentBytes} bytes in ${imageBytes}`);
console.log(`${compression.files} files compressed, ${compression.savedBlocks} blocks saved`);
process.exitCode = report.problems.length > 0 ? 1 : 0;
