// Everything that can be wrong with an image: a closed list of kinds, each with the place and the data that it takes, and the
// sentence that is made of them. Relies on nothing.

/** What in an image a fault is about. */
export interface FaultPlace {
  /** Path within the volume or on the host. */
  path?: string;
  /** Inode number. */
  ino?: number;
  /** Node number. */
  nid?: number;
  /** Block address, in 4 KiB blocks from the start of the device. */
  blkaddr?: number;
  /** Segment number within the main area. */
  segno?: number;
}

/** A place that names these things. */
type At<K extends keyof FaultPlace> = FaultPlace & Required<Pick<FaultPlace, K>>;

/** What a device seems to have become, and what to do about it. */
interface Seeming {
  readonly what: string;
  readonly cure: string;
}

/** Of superblock 1 or 2, by its block; `words` alone is what is wrong with it. */
function superblock<D extends unknown[]>(words: (...data: D) => string) {
  const text = ({ blkaddr }: At<'blkaddr'>, ...data: D) => `superblock ${blkaddr + 1} can't be used: ${words(...data)}`;
  return Object.assign(text, { words });
}

function checkpoint<D extends unknown[]>(words: (...data: D) => string) {
  return (_: At<'blkaddr'>, ...data: D) => `the checkpoint can't be used: ${words(...data)}`;
}

function inode<D extends unknown[]>(words: (...data: D) => string) {
  return ({ ino }: At<'ino'>, ...data: D) => `inode ${ino} is damaged: ${words(...data)}`;
}

function directory<D extends unknown[]>(words: (...data: D) => string) {
  return ({ ino }: At<'ino'>, ...data: D) => `directory ${ino} is damaged: ${words(...data)}`;
}

/** Of the cluster that begins at a page. */
function cluster<D extends unknown[]>(words: (...data: D) => string) {
  return ({ ino }: At<'ino'>, page: number, ...data: D) =>
    `the compressed cluster at page ${page} of inode ${ino} is damaged: ${words(...data)}`;
}

/** Of a node in the chain that roll-forward follows. */
function fsynced<D extends unknown[]>(words: (...data: D) => string) {
  return ({ ino, nid, blkaddr }: At<'ino' | 'nid' | 'blkaddr'>, ...data: D) =>
    `the fsynced node ${nid} of inode ${ino} at block ${blkaddr} ${words(...data)}`;
}

/** Of a block whose summary names a node that does not hold it. */
function summary<D extends unknown[]>(words: (...data: D) => string) {
  return ({ blkaddr, nid }: At<'blkaddr' | 'nid'>, ...data: D) =>
    `by its summary block ${blkaddr} is of node ${nid}, which can't be: ${words(...data)}`;
}

const hex = (value: number) => `0x${value.toString(16)}`;

/** What the 64-bit fields of an inode are called. */
const INODE_FIELDS = {
  iSize: 'its size is 2^53 or more',
  iBlocks: 'its count of blocks is 2^53 or more',
  iComprBlocks: 'its count of saved blocks is 2^53 or more',
  iAtime: 'its time of access is out of ±2^53',
  iMtime: 'its time of modification is out of ±2^53',
  iCtime: 'its time of change is out of ±2^53',
  iCrtime: 'its time of creation is out of ±2^53',
} as const;
export type InodeField = keyof typeof INODE_FIELDS;

/** Who says that an inode is there. */
const CLAIMS = { name: 'a name leads to it', orphan: 'the checkpoint has it as an orphan' } as const;

/** The end of a sentence about a volume that can't be read. */
export function seemsToBe(seeming: Seeming | null): string {
  return seeming === null ? '' : `; the device seems to be ${seeming.what} now: ${seeming.cure}`;
}

/** The kinds, by what they are about. */
const FAULTS = {
  'u64-range': (_: FaultPlace, field: string) => `${field} is 2^53 or more`,
  'i64-range': (_: FaultPlace, field: string) => `${field} is out of ±2^53`,

  'superblock-magic': superblock((magic: number) => `its magic is ${hex(magic)}, not 0xf2f52010`),
  'superblock-checksum-offset': superblock((offset: number) => `its checksum offset is ${offset}`),
  'superblock-checksum': superblock(() => 'its checksum is wrong'),
  'superblock-block-size': superblock(
    (log: number, blockSize: number) =>
      `its block size is 2^${log}, but it stands where one of ${blockSize} bytes would`,
  ),
  'superblock-segment-blocks': superblock((log: number) => `it has 2^${log} blocks in a segment, not 512`),
  'superblock-sector-size': superblock(
    (logSize: number, logPerBlock: number) =>
      `its sector size is 2^${logSize}, with 2^${logPerBlock} sectors in a block`,
  ),
  'superblock-segment-count': superblock((segments: number) => `its segment count is ${segments}`),
  'superblock-section-count': superblock(
    (sections: number, segments: number) => `it has ${sections} sections of ${segments} segments`,
  ),
  'superblock-main-sections': superblock(
    (segments: number, sections: number, segsPerSec: number) =>
      `its main area has ${segments} segments, not ${sections} x ${segsPerSec}`,
  ),
  'superblock-main-size': superblock((segments: number) => `its main area has only ${segments} segments`),
  'superblock-block-count': superblock(
    (segments: number, blocks: number) => `it has ${segments} segments in ${blocks} blocks`,
  ),
  'superblock-field-range': superblock((field: string) => `f2fs_super_block.${field} is 2^53 or more`),
  'superblock-zone-sections': superblock((sections: number) => `it has ${sections} sections in a zone`),
  'superblock-extensions': superblock((cold: number, hot: number) => `it lists ${cold} + ${hot} extensions`),
  'superblock-checkpoint-payload': superblock((blocks: number) => `its checkpoint payload is ${blocks} blocks`),
  'superblock-reserved-inodes': superblock(
    (node: number, meta: number, root: number) =>
      `its reserved inodes are ${node}, ${meta} and ${root}, not 1, 2 and 3`,
  ),
  'superblock-segment0': superblock(() => 'its checkpoint area does not begin at segment 0'),
  'superblock-area': superblock(
    (area: 'checkpoint' | 'SIT' | 'NAT' | 'SSA', start: number, segments: number, end: number) =>
      `its ${area} area runs from ${start} for ${segments} segments, not to ${end}`,
  ),
  'superblock-checkpoint-segments': superblock((segments: number) => `its checkpoint area has ${segments} segments`),
  'superblock-sit-segments': superblock((segments: number) => `its SIT has ${segments} segments`),
  'superblock-nat-segments': superblock((segments: number) => `its NAT has ${segments} segments`),
  'superblock-sit-size': superblock(() => 'its SIT is too small for its main area'),
  'superblock-ssa-size': superblock(() => 'its SSA is too small for its main area'),
  'superblock-main-end': superblock(() => 'its main area goes on past its last segment'),
  'superblock-device-end': superblock(
    (end: number, blocks: number) => `its main area ends at block ${end}, the device at ${blocks}`,
  ),
  'superblock-unread': superblock((reason: string) => reason),
  'superblocks-differ': (_: FaultPlace, isSameVolume: boolean) =>
    isSameVolume
      ? 'the two superblocks differ, the first is used; a change of the volume makes the second like it'
      : 'the two superblocks differ, and belong to two volumes: the first is used',
  'volume-cut-short': ({ path }: FaultPlace, needed: number, present: number) =>
    `${path} is cut short: its volume takes ${needed} bytes, it has ${present}; copy it again, in full`,

  'checkpoint-packs': (_: FaultPlace, seeming: Seeming | null) =>
    `neither checkpoint pack is whole: the volume has no consistent state to mount${seemsToBe(seeming)}`,
  'checkpoint-spare': (_: FaultPlace, other: number, used: number, version: number) =>
    `checkpoint ${other} is not whole, by a power cut, damage or a resize.f2fs, which writes but one: the volume is as checkpoint ${used} has it, version ${version}`,
  'checkpoint-field-range': checkpoint((field: string) => `f2fs_checkpoint.${field} is 2^53 or more`),
  'checkpoint-reserved-segments': checkpoint((segments: number) => `it reserves ${segments} segments`),
  'checkpoint-no-reserve': checkpoint(() => 'it reserves no segments'),
  'checkpoint-user-blocks': checkpoint((blocks: number) => `its user block count is ${blocks}`),
  'checkpoint-valid-blocks': checkpoint((blocks: number, most: number) => `${blocks} blocks are in use of ${most}`),
  'checkpoint-valid-nodes': checkpoint((nodes: number) => `${nodes} nodes are in use`),
  'checkpoint-valid-inodes': checkpoint(
    (inodes: number, nodes: number) => `${inodes} inodes are in use of ${nodes} nodes`,
  ),
  'checkpoint-free-segments': checkpoint((segments: number) => `${segments} segments are free`),
  'checkpoint-log-position': checkpoint(
    (log: string, segno: number, blkoff: number) => `its ${log} log is at ${segno}:${blkoff}`,
  ),
  'checkpoint-log-shared': checkpoint(
    (log: string, other: string, segno: number) => `its ${log} and ${other} logs share segment ${segno}`,
  ),
  'checkpoint-bitmap-size': checkpoint((sit: number, nat: number) => `its version bitmaps are ${sit} and ${nat} bytes`),
  'checkpoint-bitmap-end': checkpoint(() => 'its version bitmaps run over its checksum'),
  'checkpoint-bitmap-fit': (_: FaultPlace, which: 'SIT' | 'NAT') =>
    `the ${which} version bitmap does not fit the checkpoint`,
  'checkpoint-summary-start': checkpoint((block: number) => `its summaries begin at block ${block}`),
  'checkpoint-large-nat-bitmap': checkpoint(
    () => 'it uses the deprecated layout of large_nat_bitmap; run fsck.f2fs 1.13 or later',
  ),
  'checkpoint-summaries-end': (_: At<'blkaddr'>) => 'the checkpoint pack is too short for its summaries',
  'log-allocation-type': (_: At<'segno'>, log: number, type: number) => `log ${log} has the allocation type ${type}`,
  'log-on-used-block': (_: At<'segno'>, log: number, next: number, used: number) =>
    `log ${log} goes on at block ${next}, but block ${used} is in use`,
  'orphan-count': (_: At<'blkaddr'>, inodes: number, most: number) =>
    `an orphan block lists ${inodes} inodes, of ${most} at most`,
  'orphan-range': ({ ino }: At<'ino' | 'blkaddr'>) => `orphan inode ${ino} is out of range`,
  'orphan-links': ({ ino }: At<'ino'>, links: number) =>
    `inode ${ino} is in the list of those without a name, but has ${links} links; run fsck.f2fs -f`,
  'valid-block-count': (_: FaultPlace, freed: number, counted: number) =>
    `${freed} blocks are freed, but the checkpoint counts ${counted} in use`,
  'valid-node-count': (_: FaultPlace) => 'a node is freed, but the checkpoint counts none in use',

  'sit-journal-count': (_: FaultPlace, entries: number, most: number) =>
    `the SIT journal has ${entries} entries, of ${most} at most`,
  'sit-journal-segment': ({ segno }: At<'segno'>) => `the SIT journal names segment ${segno}`,
  'sit-journal-twice': ({ segno }: At<'segno'>) => `the SIT journal has segment ${segno} twice`,
  'sit-valid-blocks': ({ segno }: At<'segno'>, counted: number, found: number) =>
    `the SIT counts ${counted} valid blocks in segment ${segno}, its map has ${found}`,
  'sit-type': ({ segno }: At<'segno'>, type: number) => `the SIT gives segment ${segno} the type ${type}`,
  'block-in-use': ({ blkaddr }: At<'blkaddr' | 'segno'>) =>
    `block ${blkaddr} is taken, but the SIT has it in use already`,
  'block-freed-twice': ({ blkaddr }: At<'blkaddr' | 'segno'>) =>
    `block ${blkaddr} is freed, but the SIT has it free already: it has two owners`,

  'summary-type': ({ segno }: At<'segno' | 'blkaddr'>, type: number, log: number) =>
    `the summary of segment ${segno} is of type ${type}, but the SIT has log ${log} there`,
  'summary-node-segment': ({ blkaddr, segno }: At<'blkaddr' | 'segno'>) =>
    `block ${blkaddr} should be one of data, but segment ${segno} is one of nodes`,
  'summary-node-elsewhere': ({ segno, blkaddr, nid }: At<'segno' | 'blkaddr' | 'nid'>) =>
    `by the summary of segment ${segno} block ${blkaddr} holds node ${nid}, but the NAT has that elsewhere`,
  'summary-node-free': summary(() => 'the NAT has it free'),
  'summary-version': summary((version: number, nat: number) => `version ${version}, and the NAT has ${nat}`),
  'summary-address': summary((index: number, found: number) => `address ${index} there is ${found}`),
  'summary-address-count': summary((addresses: number) => `it has ${addresses} addresses`),
  'summary-inode': summary(() => 'it is an inode without data blocks'),
  'summary-no-dnode': summary(() => 'it holds no addresses of data'),

  'nat-journal-count': (_: FaultPlace, entries: number, most: number) =>
    `the NAT journal has ${entries} entries, of ${most} at most`,
  'nat-journal-twice': ({ nid }: At<'nid'>) => `the NAT journal has node ${nid} twice`,
  'nat-journal-address': ({ nid, blkaddr }: At<'nid' | 'blkaddr'>) =>
    `the NAT journal puts node ${nid} at block ${blkaddr}, outside the main area: the volume can be read, but not written; run fsck.f2fs -f`,
  'nat-address': ({ nid, blkaddr }: At<'nid' | 'blkaddr'>) =>
    `the NAT puts node ${nid} at block ${blkaddr}, outside the main area`,
  'node-range': ({ nid }: At<'nid'>, least: number, most: number) =>
    `node ${nid} is out of range (${least} to ${most})`,
  'node-missing': ({ nid }: At<'nid'>) => `node ${nid} is referred to, but the NAT has no block for it`,
  'node-block-free': ({ nid, blkaddr }: At<'nid' | 'blkaddr'>) =>
    `the NAT puts node ${nid} at block ${blkaddr}, which the SIT has free`,
  'node-footer': ({ nid, blkaddr }: At<'nid' | 'blkaddr'>, found: number) =>
    `block ${blkaddr} should hold node ${nid}, its footer says ${found}`,
  'node-nat-inode': ({ nid }: At<'nid' | 'blkaddr'>) => `the NAT and the footer of node ${nid} name different inodes`,
  'node-inode': ({ nid, ino }: At<'nid' | 'ino'>, found: number) =>
    `node ${nid} belongs to inode ${found}, not to ${ino}`,
  'node-offset': ({ nid, ino }: At<'ino' | 'nid'>, offset: number, found: number) =>
    `node ${nid} of inode ${ino} stands at offset ${offset} of its tree, but says ${found}`,
  'node-is-inode': ({ ino }: At<'ino' | 'nid'>) => `inode ${ino} is among its own nodes`,

  'inode-range': ({ ino }: At<'ino'>) => `inode ${ino} is out of range`,
  'inode-free': ({ ino }: At<'ino'>, claim: keyof typeof CLAIMS) => `inode ${ino} is free, but ${CLAIMS[claim]}`,
  'inode-is-node': ({ ino }: At<'ino'>, owner: number) => `node ${ino} is no inode: it belongs to inode ${owner}`,
  'inode-checksum': ({ ino }: At<'ino' | 'blkaddr'>) => `the checksum of inode ${ino} is wrong`,
  'inode-links': ({ ino }: At<'ino'>, links: number) => `inode ${ino} has a name, but ${links} links`,
  'inode-footer-offset': inode((offset: number) => `its footer says that it is node ${offset} of its tree`),
  'inode-mode': inode((mode: number) => `its mode is 0${mode.toString(8)}`),
  'inode-xattr-self': inode(() => 'it is its own xattr node'),
  'inode-xattr-nid': inode((nid: number) => `its xattr node is ${nid}`),
  'inode-no-extra': inode(() => 'it lacks the extra attributes that flexible_inline_xattr needs'),
  'inode-no-checksum': inode(() => 'it lacks the checksum that every inode of the volume has'),
  'inode-extra': inode(() => 'it has extra attributes, which the volume does not'),
  'inode-extra-size': inode((bytes: number) => `its extra attributes are ${bytes} bytes`),
  'inode-inline-xattr-size': inode((slots: number) => `its inline xattrs take ${slots} slots`),
  'inode-inline-both': inode(() => 'it has both inline data and inline dentries'),
  'inode-inline-data': inode(() => 'it has inline data, but is no file or symlink'),
  'inode-inline-dentry': inode(() => 'it has inline dentries, but is no directory'),
  'inode-inline-size': inode((bytes: number) => `its inline data is ${bytes} bytes`),
  'inode-depth': inode((depth: number, level: number) => `its depth is ${depth}, from level ${level} on`),
  'inode-directory-size': inode(
    (bytes: number, levels: number) => `it is a directory of ${bytes} bytes and ${levels} levels`,
  ),
  'inode-casefold': inode(() => 'it folds case, which the volume does not'),
  'inode-encrypt': inode(() => 'it is encrypted, which the volume knows nothing of'),
  'inode-verity': inode(() => 'it is protected by verity, which the volume knows nothing of'),
  'inode-extent': inode(
    (blocks: number, blkaddr: number) => `its largest extent is ${blocks} blocks from block ${blkaddr} on`,
  ),
  'inode-field-range': inode((field: InodeField) => INODE_FIELDS[field]),
  'inode-name-length': inode((bytes: number) => `its name has ${bytes} bytes`),
  'inode-size': inode((bytes: number) => `its size is ${bytes} bytes, more than a file can have`),
  'inode-compress-algorithm': inode((algorithm: number) => `its compression algorithm is ${algorithm}`),
  'inode-cluster-size': inode((log: number) => `its cluster size is 2^${log}`),
  'inode-saved-blocks': inode((blocks: number) => `it saves ${blocks} blocks, more than a file can have`),
  'inode-block-count': ({ ino, blkaddr }: At<'ino' | 'blkaddr'>) =>
    `inode ${ino} is damaged: it has more blocks than it counts, and one of them, block ${blkaddr}, is another's; run fsck.f2fs -f`,

  'page-range': (_: FaultPlace, page: number) => `page index ${page} is not valid`,
  'page-address': ({ ino, blkaddr }: At<'ino' | 'blkaddr'>, page: number) =>
    `page ${page} of inode ${ino} is at block ${blkaddr}, outside the main area`,
  'page-block-free': ({ ino, blkaddr }: At<'ino' | 'blkaddr'>, page: number) =>
    `page ${page} of inode ${ino} is at block ${blkaddr}, which the SIT has free`,
  'page-cluster-mark': ({ ino }: At<'ino'>, page: number) =>
    `page ${page} of inode ${ino} is marked as a compressed cluster, which can't begin there`,
  'page-unreserved': ({ ino }: At<'ino'>, page: number) =>
    `page ${page} of inode ${ino} is written without a reserved block`,
  'cluster-mark': cluster((slot: number) => `slot ${slot} is marked as a cluster's first`),
  'cluster-gap': cluster((slot: number) => `slot ${slot} has a block after one that has none`),
  'cluster-block-free': ({ ino, blkaddr }: At<'ino' | 'blkaddr'>, page: number, slot: number) =>
    `the compressed cluster at page ${page} of inode ${ino} is damaged: slot ${slot} is at block ${blkaddr}, which the SIT has free`,
  'cluster-empty': cluster(() => 'it has no data block'),
  'cluster-length': cluster(() => 'its length is more than its blocks hold'),
  'cluster-checksum': cluster(() => 'its checksum does not match'),
  'cluster-data': cluster(() => 'its data does not decompress to a cluster'),
  'cluster-unreserved': ({ ino }: At<'ino'>, page: number) =>
    `the cluster at page ${page} of inode ${ino} is written without reserved blocks`,
  'cluster-released': ({ ino }: At<'ino'>, page: number) =>
    `the released cluster at page ${page} of inode ${ino} is written`,

  'verity-location': inode(() => 'it is under verity, but the attribute that leads to its hashes is none'),
  'verity-descriptor': inode(() => 'it is under verity, but what describes its hashes is damaged'),
  'verity-inline': inode(() => 'it is under verity, but has its contents within itself'),
  'verity-data': ({ ino }: At<'ino'>, page: number) =>
    `page ${page} of inode ${ino}, which is under verity, does not agree with its hash: it was changed`,
  'verity-tree': ({ ino }: At<'ino'>, page: number, level: number) =>
    `page ${page} of inode ${ino}, which has hashes of level ${level} of its verity, does not agree with the level above: it was changed`,

  'xattr-magic': ({ ino }: At<'ino'>, magic: number) =>
    `the extended attributes of inode ${ino} begin with ${hex(magic)}`,
  'xattr-end': ({ ino }: At<'ino'>) => `an extended attribute of inode ${ino} runs past the end of its list`,
  'xattr-node': ({ ino, nid }: At<'ino' | 'nid'>) =>
    `node ${nid} should hold the xattrs of inode ${ino}, but is another node of it`,
  acl: ({ ino }: At<'ino'>) => `a POSIX ACL of inode ${ino} is damaged`,
  'quota-kind': ({ ino }: At<'ino'>) => `quota file ${ino} is no plain regular file`,
  'quota-size': ({ ino }: At<'ino'>, bytes: number) => `quota file ${ino} has ${bytes} bytes`,
  'quota-magic': ({ ino }: At<'ino'>, magic: number, version: number) =>
    `quota file ${ino} begins with ${hex(magic)} of version ${version}`,
  'quota-blocks': ({ ino }: At<'ino'>, blocks: number, bytes: number) =>
    `quota file ${ino} of ${bytes} bytes says that it has ${blocks} blocks of 1 KiB`,
  'quota-reference': ({ ino }: At<'ino'>, from: number, to: number) =>
    `block ${from} of quota file ${ino} leads to block ${to}`,
  'quota-entry': ({ ino }: At<'ino'>, id: number, block: number) =>
    `id ${id} has no entry in block ${block} of quota file ${ino}, which it leads to`,
  'quota-free-entry': ({ ino }: At<'ino'>, block: number) =>
    `block ${block} of quota file ${ino} counts its entries wrongly`,

  'symlink-length': ({ ino }: At<'ino'>, bytes: number) => `symlink inode ${ino} has a target of ${bytes} bytes`,
  'symlink-zero': ({ ino }: FaultPlace) =>
    `${ino === undefined ? 'it' : `symlink inode ${ino}`} has a zero byte in its target`,

  'dentry-name-length': directory((bytes: number) => `an entry has a name of ${bytes} bytes`),
  'dentry-name-end': directory(() => 'an entry has a name that runs past its block'),
  'dentry-slots-free': directory(() => 'an entry has a name in slots that are marked as free'),
  'dentry-inode': directory((found: number) => `an entry names inode ${found}`),
  'dentry-type': directory((type: number) => `an entry has the file type ${type}`),
  'dentry-encrypted-length': directory((bytes: number) => `an entry has an encrypted name of ${bytes} bytes`),
  'dentry-name-bytes': directory(() => 'an entry has a name with a slash or a zero byte in it'),
  'dentry-dot': directory((found: number) => `an entry says that "." is inode ${found}`),
  'dentry-hash': directory(() => "the hash of an entry is not its name's"),
  'dentry-bucket': directory(() => 'an entry stands where its hash does not lead'),
  'dentry-twice': directory(() => 'it has a name twice'),
  'dentry-dots-twice': directory((name: string) => `it has a second "${name}"`),
  'dentry-dotdot': ({ ino }: At<'ino'>) => `directory ${ino} has no ".." that leads to a directory`,
  'directory-first-block': ({ ino }: At<'ino'>) => `directory ${ino} lacks its first block`,
  'directory-page-unwritten': ({ ino }: At<'ino'>, page: number) =>
    `page ${page} of directory ${ino} was never written`,
  'directory-levels': (_: At<'ino'>, block: number) => `block ${block} of a directory is past its last hash level`,
  'directory-second-name': ({ ino }: At<'ino'>) =>
    `directory inode ${ino} has a second name here, as a directory can't`,
  'directory-loop': ({ ino }: At<'ino'>) => `directory ${ino} lies in itself`,
  'directory-parent': ({ ino }: At<'ino'>, directory: number) =>
    `directory ${directory} lies in inode ${ino}, which is none`,
  'root-type': (_: At<'ino'>) => 'the root inode is not a directory',
  'name-of-directory': ({ ino }: At<'ino'>) => `inode ${ino} is not the directory that its name says it is`,
  'name-of-other': ({ ino }: At<'ino'>, type: string) => `directory inode ${ino} has a name that says it is a ${type}`,
  'name-of-mode': ({ ino }: At<'ino'>) => `inode ${ino} is not what its mode says`,
  'name-escapes': (_: FaultPlace, name: string) => `the image is damaged: the name "${name}" would lead elsewhere`,

  'block-two-owners': ({ blkaddr, nid }: At<'blkaddr' | 'nid'>, other: number) =>
    `block ${blkaddr} belongs to node ${other} and to node ${nid}`,
  'inode-blocks': ({ ino }: At<'ino'>, said: number, found: number) =>
    `inode ${ino} counts ${said} blocks, it has ${found}`,
  'inode-link-count': ({ ino }: At<'ino'>, said: number, found: number) =>
    `inode ${ino} counts ${said} links, it has ${found}`,
  'sit-total': (_: FaultPlace, said: number, found: number) => `the SIT has ${said} blocks in use, files have ${found}`,
  'total-blocks': (_: FaultPlace, said: number, found: number) =>
    `the checkpoint counts ${said} blocks in use, files have ${found}`,
  'total-nodes': (_: FaultPlace, said: number, found: number) =>
    `the checkpoint counts ${said} nodes in use, files have ${found}`,
  'total-inodes': (_: FaultPlace, said: number, found: number) =>
    `the checkpoint counts ${said} inodes in use, ${found} can be reached`,

  'chain-loop': ({ blkaddr }: At<'blkaddr'>) =>
    `the chain of fsynced nodes comes back to block ${blkaddr}: what was fsynced can't be recovered`,
  'fsynced-number': ({ ino }: At<'ino'>) =>
    `inode ${ino} is new in the chain of fsynced nodes, but its number is in use`,
  'fsynced-owner': ({ ino }: At<'ino'>) => `inode ${ino} was fsynced by its nodes, but is no regular file`,
  'fsynced-inode': ({ ino, blkaddr }: At<'ino' | 'blkaddr'>) =>
    `the fsynced inode ${ino} at block ${blkaddr} is no regular file`,
  'fsynced-parent': ({ ino }: At<'ino' | 'blkaddr'>, parent: number) =>
    `the fsynced inode ${ino} should lie in inode ${parent}, which is no directory`,
  'fsynced-name': ({ ino, blkaddr }: At<'ino' | 'blkaddr'>, bytes: number) =>
    `the fsynced inode ${ino} at block ${blkaddr} has a name of ${bytes} bytes that can't be one`,
  'fsynced-kind': fsynced(() => 'is not of the kind that the inode is'),
  'fsynced-compressed': fsynced(() => 'is of a compressed file'),
  'fsynced-inline-dentry': fsynced(() => 'has inline dentries'),
  'fsynced-offset': fsynced((offset: number) => `stands at offset ${offset} of the inode's tree`),
  'fsynced-cluster': fsynced(() => 'has a compressed cluster'),
  'fsynced-address': fsynced(
    (page: number, target: number) => `has page ${page} at block ${target}, outside the main area`,
  ),
  'fsynced-block-in-use': fsynced((target: number) => `has a page at block ${target}, which is in use elsewhere`),

  'bench-recovered': (_: FaultPlace, files: number, whole: number) =>
    `of ${files} files that were fsynced ${whole} are there and whole`,
  'bench-contents': (_: FaultPlace, at: number) =>
    `the benchmark's file does not read as it was written, at byte ${at}`,
} as const satisfies Readonly<Record<string, (place: never, ...data: never[]) => string>>;

/** What can be wrong with an image; each is a sentence of `EUCLEAN`. */
export type FaultKind = keyof typeof FAULTS;
/** All of them. */
export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];
/** What a kind is told with: the place, then its data. */
export type FaultArguments<K extends FaultKind> = Parameters<(typeof FAULTS)[K]>;

/** The kinds of fault that make a superblock of no use. */
export type SuperblockFault = {
  [K in FaultKind]: (typeof FAULTS)[K] extends { words: unknown } ? K : never;
}[FaultKind];

/** The sentence for a fault. */
export function faultText<K extends FaultKind>(kind: K, ...[place, ...data]: FaultArguments<K>): string {
  return (FAULTS[kind] as (place: unknown, ...data: unknown[]) => string)(place, ...data);
}

/** What is wrong with a superblock, without its name. */
export function superblockWords<K extends SuperblockFault>(kind: K, ...[, ...data]: FaultArguments<K>): string {
  return (FAULTS[kind].words as (...data: unknown[]) => string)(...data);
}

/** What whoever checks an image does about a fault: a mount throws it, a checker notes it and goes on. */
export type Report = <K extends FaultKind>(kind: K, ...what: FaultArguments<K>) => void;
