// Which features a new volume may have, and which need which. Source: the feature table and f2fs_parse_options.
import { F2fsError } from '../errors.ts';
import { FEATURES, type Feature } from '../format/constants.ts';
import { InodeExtra } from '../format/inode.ts';
import { QUOTA, type QuotaType } from '../format/quota.ts';

/** What a volume gets when nothing else is asked. */
export const DEFAULT_FEATURES = [
  'extra_attr',
  'inode_checksum',
  'inode_crtime',
  'lost_found',
  'sb_checksum',
  'compression',
] as const satisfies readonly Feature[];

/** Every feature that this package writes. */
export const WRITABLE_FEATURES: readonly Feature[] = [
  ...DEFAULT_FEATURES,
  'flexible_inline_xattr',
  'packed_ssa',
  'quota',
  'project_quota',
  'casefold',
  'verity',
];

/** Features whose inode fields are extra attributes. */
const NEED_EXTRA_ATTR: readonly Feature[] = [
  'inode_checksum',
  'flexible_inline_xattr',
  'inode_crtime',
  'compression',
  'project_quota',
];

/**
 * The superblock's feature bits. Throws EINVAL for a name that no F2FS has and for a missing dependency, EOPNOTSUPP for
 * a feature that exists and is not written here.
 */
export function featureBits(names: readonly string[] | 'default'): number {
  let bits = 0;
  for (const name of names === 'default' ? DEFAULT_FEATURES : names) {
    if (!Object.hasOwn(FEATURES, name)) {
      throw new F2fsError('EINVAL', `invalid feature '${name}': expected ${WRITABLE_FEATURES.join(', ')}`);
    }
    if (!(WRITABLE_FEATURES as readonly string[]).includes(name)) {
      const message =
        name === 'ro'
          ? `the feature '${name}' is not one to be asked for: build makes such a volume with readOnly: true`
          : `unsupported feature '${name}': expected ${WRITABLE_FEATURES.join(', ')}`;
      throw new F2fsError('EOPNOTSUPP', message);
    }
    bits |= FEATURES[name as Feature];
  }
  if ((bits & FEATURES.project_quota) !== 0) bits |= FEATURES.quota;
  for (const name of NEED_EXTRA_ATTR) {
    if ((bits & FEATURES[name]) !== 0 && (bits & FEATURES.extra_attr) === 0) {
      throw new F2fsError('EINVAL', `invalid features: '${name}' needs 'extra_attr'; add that or leave '${name}' out`);
    }
  }
  return bits;
}

/** The quota files that a volume gets: `project_quota` alone has no others than its own. Source: add_default_options. */
export function quotaTypes(names: readonly string[] | 'default'): QuotaType[] {
  const types: QuotaType[] = [];
  if (names.includes('quota')) types.push(QUOTA.USER, QUOTA.GROUP);
  if (names.includes('project_quota')) types.push(QUOTA.PROJECT);
  return types;
}

/** Bytes of extra attributes in the inodes that a format makes. Source: calc_extra_isize. */
export function mkfsExtraIsize(bits: number): number {
  if ((bits & FEATURES.extra_attr) === 0) return 0;
  if ((bits & FEATURES.compression) !== 0) return InodeExtra.ends.iCompressFlag;
  if ((bits & FEATURES.inode_crtime) !== 0) return InodeExtra.ends.iCrtimeNsec;
  if ((bits & FEATURES.inode_checksum) !== 0) return InodeExtra.ends.iInodeChecksum;
  return (bits & FEATURES.project_quota) !== 0 ? InodeExtra.ends.iProjid : InodeExtra.ends.iInlineXattrSize;
}
