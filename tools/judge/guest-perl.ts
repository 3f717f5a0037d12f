// What perl in a guest asks a kernel by number: system calls and ioctls, which differ between architectures.

/**
 * perl: `%call` has the numbers of system calls for the guest's processor, and `ior LETTER, NUMBER, BYTES` is _IOR of C. Goes
 * before a program's first line.
 */
export const perlNumbers = `
open(my $arch, '<', '/proc/sys/kernel/arch'); my $processor = $arch ? <$arch> : 'x86_64';
%call = $processor =~ /^aarch64/ ? (setxattr => 5, mknodat => 33, statfs => 43, fallocate => 47, sync => 81, fsync => 82)
  : $processor =~ /^ppc64/ ? (setxattr => 209, mknodat => 288, statfs => 99, fallocate => 309, sync => 36, fsync => 118)
  : (setxattr => 188, mknodat => 259, statfs => 137, fallocate => 285, sync => 162, fsync => 74);
sub ior { my ($letter, $number, $bytes) = @_; return ($processor =~ /^ppc/ ? 0x40000000 : 0x80000000) | $bytes << 16 | $letter << 8 | $number }
`;
