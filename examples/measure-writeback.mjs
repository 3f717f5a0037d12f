// One dirty range, written by each engine: what is counted on the way. No times: those are what `f2fs bench` is for.
import { format, MemoryDevice, mount, parseCodec } from 'f2fs';

const SIZE = 8 * 2 ** 20;
const text = Buffer.alloc(SIZE, 'What is written here compresses well, line by line by line.\n');

function measure(engine, compress) {
  const device = new MemoryDevice({ sizeBytes: 256 * 2 ** 20 });
  format(device, { features: ['extra_attr', 'compression'] });
  const options = compress ? { compress: { codec: parseCodec('lz4'), clusterPages: 16 } } : {};
  const volume = mount(device, { engine, ...options });
  const file = volume.openFile('/file', { flags: 'w', attributes: { compress } });
  volume.sync();

  file.write(text, 0); // The range is dirty in the page cache; nothing of it has a block.
  const { pages, runs, mapBlocksCalls, clusters, clusterBlocks } = volume.writebackCounters;
  const bios = device.counters.writes;
  volume.sync();
  const now = volume.writebackCounters;

  const row = {
    engine,
    compress,
    pages: now.pages - pages,
    runs: now.runs - runs,
    mapBlocksCalls: now.mapBlocksCalls - mapBlocksCalls,
    clusters: now.clusters - clusters,
    clusterBlocks: now.clusterBlocks - clusterBlocks,
    bios: device.counters.writes - bios,
  };
  file.close();
  volume.close();
  return row;
}

console.table(['pages', 'folios'].flatMap((engine) => [measure(engine, false), measure(engine, true)]));
