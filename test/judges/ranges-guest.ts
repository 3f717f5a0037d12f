// Programs of writes, truncates and fallocates, and what a kernel makes of them. perl with Digest::SHA alone.

/** One call on the file of a program: its name, and numbers. */
export type RangeStep =
  | readonly ['write', number, number, number]
  | readonly [RangeOperation, number, number]
  | readonly ['truncate', number]
  | readonly ['fsync']
  | readonly ['look'];

export const RANGE_OPERATIONS = ['allocate', 'keep', 'punch', 'zero', 'zeroKeep', 'collapse', 'insert'] as const;
export type RangeOperation = (typeof RANGE_OPERATIONS)[number];

/** A file made anew, and what is done with it. */
export interface RangeProgram {
  readonly name: string;
  readonly steps: readonly RangeStep[];
}

export function planOf(programs: readonly RangeProgram[]): string {
  return programs
    .map(({ name, steps }) => `file ${name}\n${steps.map((step) => `${step.join(' ')}\n`).join('')}`)
    .join('');
}

const look = `
sub look {
  my ($f) = @_;
  my @s = stat $f;
  seek($f, 0, 0);
  my $hash = Digest::SHA->new(256)->addfile($f)->hexdigest;
  my ($at, $whence, @map) = (0, 3);
  while (($at = syscall(8, fileno($f), $at + 0, $whence)) >= 0) { push @map, $at; $whence = 7 - $whence; last if $at >= $s[7] }
  return join(' ', $s[7], $s[12] / 8, $hash, join(',', @map));
}
sub extents {
  my ($f) = @_;
  my $map = pack('QQLLLL', 0, ~0, 0, 0, 900, 0) . ("\\0" x (56 * 900));
  ioctl($f, 0xC020660B, $map) or return "fiemap $!";
  my $count = unpack('x20L', $map);
  return join(' ', map { my ($l, $p, $n, $fl) = unpack('QQQx16L', substr($map, 32 + 56 * $_, 56)); "$l:$p:$n:" . ($fl & 0xa09) } 0 .. $count - 1);
}
`;

/** perl: \`run.pl DIR PLAN\` prints an errno a line, 0 for none; after a \`look\` size, blocks, hash and the map of data and holes. */
export const runProgram = `use Digest::SHA;
${look}
%mode = (allocate => 0, keep => 1, punch => 3, collapse => 8, zero => 16, zeroKeep => 17, insert => 32);
($dir, $plan) = @ARGV;
open(my $p, '<', $plan) or die $!;
while (<$p>) {
  chomp;
  ($op, $a, $b, $c) = split / /;
  $! = 0;
  if ($op eq 'file') { open($f, '+>', "$dir/$a") or die $!; $! = 0 }
  elsif ($op eq 'write') { sysseek($f, $a, 0); syswrite($f, chr($c) x $b) == $b and $! = 0 }
  elsif ($op eq 'truncate') { truncate($f, $a) and $! = 0 }
  elsif ($op eq 'fsync') { syscall(74, fileno($f)) == 0 and $! = 0 }
  elsif ($op eq 'look') { print look($f), "\\n"; next }
  else { syscall(285, fileno($f), $mode{$op}, $a + 0, $b + 0) == 0 and $! = 0 }
  print $! + 0, "\\n";
}
`;

/** perl: \`read.pl DIR NAME ...\` prints for each file what a \`look\` does, and its extents in a second line. */
export const readProgram = `use Digest::SHA;
${look}
$dir = shift;
for my $name (@ARGV) { open(my $f, '<', "$dir/$name") or die "$name: $!"; print look($f), "\\n", extents($f), "\\n" }
`;
