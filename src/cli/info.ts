// f2fs info: what a volume says of itself.
import { type CheckpointInfo, type VolumeInfo, volumeInfo } from '../index.ts';
import { EXIT, report } from './errors.ts';
import { openImage } from './image.ts';
import { printable } from './names.ts';
import { printJson, printTable } from './output.ts';
import { longSize, shortSize } from './sizes.ts';

export interface InfoOptions {
  json?: boolean;
}

/** Prints superblock and checkpoint; exit code 1 when one of them is damaged. Throws what volumeInfo throws. */
export async function info(image: string, options: InfoOptions): Promise<number> {
  const device = await openImage(image);
  let found: VolumeInfo;
  try {
    found = volumeInfo(device);
  } finally {
    device.close();
  }
  const { problems, ...facts } = found;
  if (options.json) {
    await printJson({ image, ...facts, problems: problems.map(({ code, message }) => ({ code, message })) });
  } else {
    await printTable([['image', printable(image)], ...superblockRows(facts), ...checkpointRows(facts)]);
  }
  for (const problem of problems) report('info', problem, image);
  return problems.length > 0 ? EXIT.failed : EXIT.ok;
}

function superblockRows(facts: Omit<VolumeInfo, 'problems'>): [string, string | null][] {
  const names = (list: readonly string[]) => (list.length > 0 ? printable(list.join(', ')) : 'none');
  return [
    ['size', longSize(facts.volumeBytes)],
    ['device', facts.deviceBytes === facts.volumeBytes ? null : longSize(facts.deviceBytes)],
    ['label', facts.label === '' ? 'none' : printable(facts.label)],
    ['uuid', facts.uuid],
    ['features', names(facts.features)],
    ['encoding', facts.encoding],
    ['format', facts.formatVersion],
    ['made by', printable(facts.madeBy)],
    ['last used by', facts.lastUsedBy === facts.madeBy ? null : printable(facts.lastUsedBy)],
    ['sector', `${facts.sectorSize} bytes`],
    ['block', `${facts.blockBytes} bytes`],
    ['segments', String(facts.segments)],
    ['sections', `${facts.sections} of ${facts.segmentsPerSection}, ${facts.sectionsPerZone} in a zone`],
    ...facts.areas.map(({ name, blkaddr, segments }): [string, string] => [
      `${name} area`,
      `block ${blkaddr}, ${segments} segment${segments === 1 ? '' : 's'}`,
    ]),
    ['root inode', String(facts.rootIno)],
    ['cold extensions', names(facts.coldExtensions)],
    ['hot extensions', names(facts.hotExtensions)],
  ];
}

function checkpointRows({
  checkpoint,
  blockBytes,
}: {
  checkpoint: CheckpointInfo | null;
  blockBytes: number;
}): [string, string][] {
  if (checkpoint === null) return [['checkpoint', 'damaged']];
  const blocks = (count: number) => `${count} (${shortSize(count * blockBytes)})`;
  return [
    ['checkpoint', `version ${checkpoint.version}, pack ${checkpoint.pack} at block ${checkpoint.blkaddr}`],
    ['flags', checkpoint.flags.join(', ') || 'none'],
    ['state', checkpoint.clean ? 'clean' : 'not unmounted'],
    ['user blocks', blocks(checkpoint.userBlocks)],
    ['used blocks', blocks(checkpoint.usedBlocks)],
    ['free blocks', blocks(checkpoint.freeBlocks)],
    ['free segments', String(checkpoint.freeSegments)],
    ['reserved segments', `${checkpoint.reservedSegments}, overprovisioned ${checkpoint.overprovisionSegments}`],
    ['inodes', `${checkpoint.inodes}, nodes ${checkpoint.nodes} of ${checkpoint.maxNodes}`],
    ['orphans', checkpoint.orphans === null ? 'damaged' : String(checkpoint.orphans)],
    ['mounted for', `${checkpoint.elapsedSeconds} s`],
    ...checkpoint.logs.map(({ name, segno, blkoff, allocation }): [string, string] => [
      `${name} log`,
      `segment ${segno}, block ${blkoff}, ${allocation}`,
    ]),
  ];
}
