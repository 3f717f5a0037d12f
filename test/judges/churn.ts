// Real use of a mounted volume, as a program for a guest: entries of every type, made, changed, moved and removed at random.
import { perlNumbers } from '../../tools/judge/guest-perl.ts';

/**
 * perl: \`churn.pl ROOT SEED STEPS\` makes and changes files below ROOT: deep directories, long names, holes, appends, links, devices,
 * xattrs, fallocate, and compressed files whose saved blocks are released and reserved; now and then it syncs. Then it removes every second file of each directory, so that free space lies
 * in pieces. What finds no room is not done.
 */
export const churnProgram = `${perlNumbers}
($root, $state, $steps) = @ARGV;
chdir $root or die $!;
sub below { $state = ($state * 1103515245 + 12345) & 0x7fffffff; return ($state >> 8) % $_[0] }
@dirs = ('.');
@files = ();
sub name { return $dirs[below(scalar @dirs)] . '/' . ('n' x below(below(10) ? 20 : 200)) . below(1000000) }
sub bytes { return join '', map { chr(65 + ($_ * $state) % 57) x 37 } 1 .. 1 + int($_[0] / 37) }
for my $i (1 .. $steps) {
  my $op = below(25);
  my $old = @files ? $files[below(scalar @files)] : undef;
  if ($op < 6 || !defined $old) {
    my $new = name();
    open(my $f, '>', $new) or next;
    syswrite($f, bytes(below(3) ? below(6000) : below(200000)));
    push @files, $new;
  } elsif ($op < 10) {
    open(my $f, '+<', $old) or next;
    sysseek($f, below(300000), 0);
    syswrite($f, bytes(below(30000)));
  } elsif ($op == 10) { truncate($old, below(200000)) }
  elsif ($op == 11) { open(my $f, '+<', $old) or next; syscall($call{fallocate}, fileno($f), (1, 3, 16, 0)[below(4)], below(100000), 1 + below(100000)) }
  elsif ($op == 12) { my $new = name(); rename($old, $new) and @files = map { $_ eq $old ? $new : $_ } @files }
  elsif ($op < 15) { unlink($old); @files = grep { $_ ne $old } @files }
  elsif ($op == 15) { my $new = name(); link($old, $new) and push @files, $new }
  elsif ($op == 16) { symlink(bytes(1 + below(below(5) ? 50 : 4000)), name()) }
  elsif ($op < 19) { my $new = $dirs[-1 - below(@dirs > 3 ? 3 : scalar @dirs)] . '/dir' . below(100000); mkdir($new, 0750) and push @dirs, $new }
  elsif ($op == 19) { my $v = 'v' x below(below(4) ? 60 : 3000); my $k = 'user.key' . below(5); my $p = $old; syscall($call{setxattr}, $p, $k, $v, length $v, 0) }
  elsif ($op == 20) { my $p = name(); syscall($call{mknodat}, -100, $p, (0010644, 0020600, 0060600, 0140755)[below(4)], below(65536)) }
  elsif ($op == 21) { chmod(below(07777), $old); chown(below(70000), below(70000), $old) }
  elsif ($op == 22) { utime(below(2000000000), below(2000000000), $old) }
  elsif ($op == 23) { my $count = pack('Q', 0); open(my $f, '<', $old) or next; ioctl($f, ior(0xf5, below(3) ? 18 : 19, 8), $count) }
  elsif (below(8) == 0) { open(my $f, '<', $old) or next; below(2) ? syscall($call{fsync}, fileno($f)) : syscall($call{sync}) }
}
my $i = 0;
for my $file (sort @files) { unlink($file) if $i++ % 2 }
syscall($call{sync});
`;

/**
 * perl: \`wear.pl ROOT ROUNDS [PAGES]\` fills a volume to the brim with files of up to 7 times PAGES (1) pages, and frees every
 * second one, again and again: the free space then lies in small pieces.
 */
export const wearProgram = `${perlNumbers}
($root, $rounds, $pages) = (@ARGV, 1);
chdir $root or die $!;
for my $round (1 .. $rounds) {
  mkdir "round$round";
  my $i = 0;
  for (;; $i++) {
    open(my $f, '>', "round$round/$i") or last;
    my $size = 4096 * $pages * (1 + $i % 7);
    my $done = syswrite($f, chr(65 + $round) x $size);
    last if !defined $done || $done < $size;
  }
  syscall($call{sync});
  for my $dir (map { "round$_" } 1 .. $round) {
    opendir(my $d, $dir) or die $!;
    for my $file (sort readdir $d) { unlink("$dir/$file") if $file !~ /^\\./ && $j++ % 2 }
  }
  syscall($call{sync});
}
`;

/**
 * perl: \`full-names.pl ROOT\` has names refused for want of one block: the directory has grown for them by then, and keeps a block that is
 * reserved and was never written.
 */
export const fullNamesProgram = `${perlNumbers}
($root) = @ARGV;
chdir $root or die $!;
sub free { my ($at, $b) = ('.', "\\0" x 120); syscall($call{statfs}, $at, $b); return (unpack('q4', $b))[3] }
sub name { open(my $f, '>', $_[0]) or return 0; return 1 }
for my $d (0 .. 3) {
  mkdir "D$d";
  name(sprintf('D%d/f%05d', $d, $_)) or die $! for 0 .. 429 + 4 * $d;
}
open(my $big, '>', 'big') or die $!;
my $pages = 0;
sub leave {
  for (1 .. 400) {
    my $free = free();
    return if $free == $_[0];
    if ($free > $_[0] && syswrite($big, 'z' x 4096)) { $pages++ } else { $pages -= 2; truncate($big, 4096 * $pages); sysseek($big, 0, 2) }
  }
  die 'no way to leave a block';
}
while (free() > 60) { syswrite($big, 'z' x 4096); $pages++ }
my $grew = 0;
for my $d (0 .. 3) {
  for my $n (0 .. 39) {
    leave(1);
    my $before = -s "D$d";
    next if name(sprintf('D%d/g%05d', $d, $n));
    $grew++ if -s "D$d" > $before;
    last;
  }
}
die 'no directory grew in vain' if !$grew;
close($big);
unlink('big');
syscall($call{sync});
`;

/**
 * perl: \`overwrite.pl ROOT PERCENT TIMES PAGE\` fills PERCENT of what is free with three files, writes pages of PAGE bytes over at random, as many
 * times as there are, with fsync now and then, and reads all of it back. Says how many writes failed, and how many pages are wrong.
 */
export const overwriteProgram = `${perlNumbers}
($root, $percent, $times, $page) = @ARGV;
chdir $root or die $!;
sub free { my ($at, $b) = ('.', "\\0" x 120); syscall($call{statfs}, $at, $b); return (unpack('q5', $b))[4] }
$state = 7;
sub below { $state = ($state * 1103515245 + 12345) & 0x7fffffff; return ($state >> 8) % $_[0] }
sub bytes { return pack('V', $_[0]) x ($page / 4) }
my $each = int(free() * $percent / 100 / 3) - 10;
for my $n (0 .. 2) {
  open($file[$n], '+>', "file$n") or die $!;
  for (1 .. $each) { syswrite($file[$n], bytes(0)) == $page or die "fill: $!" }
}
syscall($call{sync});
for (1 .. $times * $each * 3) {
  my ($n, $at, $value) = (below(3), below($each), 1 + below(1 << 22));
  sysseek($file[$n], $at * $page, 0);
  if (syswrite($file[$n], bytes($value)) == $page) { $value{"$n $at"} = $value } else { $failed++ }
  syscall($call{fsync}, fileno($file[$n])) if below(300) == 0;
}
syscall($call{sync});
open(my $caches, '>', '/proc/sys/vm/drop_caches'); print $caches "3\\n"; close $caches;
for my $n (0 .. 2) {
  for my $at (0 .. $each - 1) {
    sysseek($file[$n], $at * $page, 0);
    sysread($file[$n], my $found, $page);
    $wrong++ if $found ne bytes($value{"$n $at"} || 0);
  }
}
printf "%d failed, %d wrong\\n", $failed, $wrong;
`;
