// Volumes with files that were changed and fsynced in all the ways that roll-forward, or a checkpoint, must bring back.

import type { FileSystem } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { type FlakyDevice, freshDevice, mountOf, noise } from './compressed-volume.ts';

export const FEATURES = ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'lost_found'];
const PAGE = 4096;

/** A volume with a tree and a checkpoint of this mount. */
export function prepared(options: MountOptions = {}, features = FEATURES): { device: FlakyDevice; fs: FileSystem } {
  const device = freshDevice(96, features);
  const fs = mountOf(device, options);
  fs.mkdir('/d');
  fs.mkdir('/e');
  fs.writeFile('/d/old', noise(100 * PAGE, 1));
  fs.writeFile('/d/inline', Buffer.from('short'));
  fs.writeFile('/d/large', noise(3000 * PAGE, 2));
  fs.writeFile('/d/noted', noise(PAGE, 3));
  fs.setXattr('/d/noted', 'user.long', noise(1500, 4));
  fs.setXattr('/d/inline', 'user.short', Buffer.from('v'));
  fs.sync();
  return { device, fs };
}

/** Each changes the prepared volume, and gives the paths that it fsynced. */
export const CHANGES: Record<string, (fs: FileSystem) => string[]> = {
  'a new file': (fs) => {
    fs.writeFile('/d/new', noise(5 * PAGE + 17, 10), { mode: 0o640, uid: 1000 });
    fs.fsync('/d/new');
    return ['/d/new'];
  },
  'a new inline file': (fs) => {
    fs.writeFile('/e/new', Buffer.from('inline'));
    fs.fsync('/e/new');
    return ['/e/new'];
  },
  'an empty file': (fs) => {
    fs.writeFile('/e/empty', Buffer.alloc(0));
    fs.fsync('/e/empty');
    return ['/e/empty'];
  },
  'a new large file': (fs) => {
    fs.writeFile('/e/new', noise(2600 * PAGE + 1, 11));
    fs.fsync('/e/new');
    return ['/e/new'];
  },
  'pages overwritten, few and many': (fs) => {
    using file = fs.openFile('/d/old');
    file.write(noise(PAGE, 12), 7 * PAGE);
    file.fdatasync();
    file.write(noise(50 * PAGE, 13), 20 * PAGE);
    file.fsync();
    using large = fs.openFile('/d/large');
    large.write(noise(1000 * PAGE, 14), 1500 * PAGE + 5);
    large.fsync();
    return ['/d/old', '/d/large'];
  },
  'a file cut within its inode': (fs) => {
    using file = fs.openFile('/d/old');
    file.truncate(10 * PAGE + 100);
    file.fsync();
    return ['/d/old'];
  },
  'a file cut within a node, then grown': (fs) => {
    using file = fs.openFile('/d/large');
    file.truncate(2950 * PAGE + 100);
    file.truncate(3100 * PAGE);
    file.fsync();
    return ['/d/large'];
  },
  'nodes given back': (fs) => {
    using file = fs.openFile('/d/large');
    file.truncate(PAGE);
    file.fsync();
    return ['/d/large'];
  },
  holes: (fs) => {
    using file = fs.openFile('/d/large');
    file.punch(3 * PAGE, 20 * PAGE);
    file.punch(2000 * PAGE, 300 * PAGE);
    file.fsync();
    return ['/d/large'];
  },
  'inline contents changed': (fs) => {
    fs.writeFile('/d/inline', Buffer.from('something else'));
    fs.fsync('/d/inline');
    return ['/d/inline'];
  },
  'inline contents outgrown': (fs) => {
    using file = fs.openFile('/d/inline');
    file.write(noise(3 * PAGE, 15), 5);
    file.fsync();
    return ['/d/inline'];
  },
  'attributes and xattrs': (fs) => {
    fs.setXattr('/d/inline', 'user.short', Buffer.from('other'));
    fs.setXattr('/d/inline', 'user.more', noise(900, 16));
    fs.setXattr('/d/noted', 'user.long', noise(1800, 17));
    fs.setAttributes('/d/noted', { mode: 0o600, uid: 7, gid: 8, mtime: { sec: 9, nsec: 10 } });
    fs.fsync('/d/inline');
    fs.fsync('/d/noted');
    return ['/d/inline', '/d/noted'];
  },
  'an xattr node removed': (fs) => {
    fs.setXattr('/d/noted', 'user.long', null);
    fs.fsync('/d/noted');
    return ['/d/noted'];
  },
  'blocks allocated past the end': (fs) => {
    using file = fs.openFile('/d/old');
    file.allocate(90 * PAGE, 40 * PAGE, { keepSize: true });
    file.fsync();
    return ['/d/old'];
  },
  'a range past the end zeroed, the size kept': (fs) => {
    using file = fs.openFile('/d/old');
    file.write(noise(PAGE, 30), 99 * PAGE);
    file.fdatasync();
    file.zeroRange(98 * PAGE, 10 * PAGE, { keepSize: true });
    file.fdatasync();
    using large = fs.openFile('/d/large');
    large.zeroRange(2990 * PAGE, 2000 * PAGE, { keepSize: true });
    large.fdatasync();
    return ['/d/old', '/d/large'];
  },
  'ranges taken out and put in': (fs) => {
    using file = fs.openFile('/d/large');
    file.collapseRange(10 * PAGE, 30 * PAGE);
    file.fsync();
    file.insertRange(1000 * PAGE, 5 * PAGE);
    file.fdatasync();
    return ['/d/large'];
  },
  'a file renamed, its name used again': (fs) => {
    fs.rename('/d/old', '/e/moved');
    fs.writeFile('/d/old', noise(PAGE, 31));
    fs.fsync('/d/old');
    return ['/d/old', '/e/moved'];
  },
  'a file renamed over another, then appended to': (fs) => {
    fs.writeFile('/e/new', noise(3 * PAGE, 32));
    fs.fsync('/e/new');
    fs.rename('/e/new', '/d/old');
    fs.fsync('/d/old');
    using file = fs.openFile('/d/old');
    file.write(noise(PAGE, 33), 3 * PAGE);
    file.fsync();
    return ['/d/old'];
  },
  'a new file in a directory renamed': (fs) => {
    fs.rename('/e', '/f');
    fs.writeFile('/f/new', noise(PAGE, 34));
    fs.fsync('/f/new');
    fs.rename('/f', '/e');
    fs.writeFile('/e/newer', noise(PAGE, 35));
    fs.fsync('/e/newer');
    return ['/e/new', '/e/newer'];
  },
  'a name used again': (fs) => {
    fs.unlink('/d/old');
    fs.writeFile('/d/old', noise(3 * PAGE, 18));
    fs.fsync('/d/old');
    return ['/d/old'];
  },
  'a file fsynced, removed, and its name used again': (fs) => {
    using file = fs.openFile('/d/old');
    file.write(noise(20 * PAGE, 19), 0);
    file.fsync();
    file.close();
    fs.unlink('/d/old');
    fs.writeFile('/d/old', noise(30 * PAGE, 20));
    fs.fsync('/d/old');
    return ['/d/old'];
  },
  'a link': (fs) => {
    fs.link('/d/old', '/e/linked');
    fs.fsync('/d/old');
    return ['/d/old', '/e/linked'];
  },
  'a file in a new directory': (fs) => {
    fs.mkdir('/d/sub');
    fs.writeFile('/d/sub/file', noise(PAGE, 21));
    fs.fsync('/d/sub/file');
    return ['/d/sub/file'];
  },
  'bytes appended, again and again': (fs) => {
    fs.writeFile('/e/log', Buffer.alloc(0));
    using file = fs.openFile('/e/log');
    for (let at = 0; at < 200_000; at += 1777) {
      file.write(noise(1777, at), at);
      file.fsync();
    }
    return ['/e/log'];
  },
  'many files, more than the directory has room for inline': (fs) => {
    const paths = Array.from({ length: 600 }, (_, i) => `/e/a name that is not short ${i}`);
    for (const [i, path] of paths.entries()) {
      fs.writeFile(path, noise(i * 37, i));
      fs.fsync(path);
    }
    return paths;
  },
};

/** What is not fsynced: it may be there after a crash or not. */
export function disturb(fs: FileSystem): void {
  fs.writeFile('/e/never', noise(20 * PAGE, 99));
  using file = fs.openFile('/d/noted');
  file.write(noise(300 * PAGE, 98), 0);
  fs.writeBack();
}
