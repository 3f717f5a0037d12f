// A program for a guest kernel: random changes of a mounted volume, some of them fsynced.

/** The extension of every second name: a mount may have those compressed. */
export const EXTENSION = 'txt';

/**
 * Python: `program.py MOUNTPOINT SEED`. Prints as JSON the SHA-256 of each file by path as it was at its last fsync, for those that
 * were not changed, moved or removed since.
 */
export const fsyncProgram = `
import ctypes, hashlib, json, os, random, sys

top, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)
libc = ctypes.CDLL(None, use_errno=True)
os.chdir(top)
fsynced = {}
files = []
dirs = ['d', 'e']

def fallocate(fd, mode, offset, length):
    libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length))

def new_name():
    number = rng.randrange(1 << 30)
    return '%s/%s %d%s' % (rng.choice(dirs), 'n' * rng.choice([1, 5, 40, 200]), number, '.${EXTENSION}' if number % 2 else '')

def changed(path):
    fsynced.pop(path, None)

def noise(length):
    if rng.randrange(2):
        return rng.randbytes(length)
    return (rng.randbytes(100) * (length // 100 + 1))[:length]

def create(path):
    with open(path, 'wb') as f:
        f.write(noise(rng.choice([0, 10, 3000, 4096, 50000, 400000, 4000000])))
    files.append(path)

def change(path):
    changed(path)
    fd = os.open(path, os.O_RDWR)
    size = os.fstat(fd).st_size
    kind = rng.randrange(9)
    at = rng.randrange(size + 1)
    if kind <= 2:
        os.pwrite(fd, noise(rng.choice([1, 100, 4096, 30000, 200000])), at if kind else size)
    elif kind == 3:
        os.ftruncate(fd, rng.choice([0, at, size + 5000]))
    elif kind == 4:
        # Whole pages: of a part of one past the end Linux 6.1 makes a block, and recovers a size that reaches to it.
        fallocate(fd, 3, at & ~4095, rng.choice([4096, 102400, 1024000]))
    elif kind == 5:
        fallocate(fd, rng.choice([0, 1]), size, rng.choice([5000, 200000]))
    elif kind == 6:
        os.setxattr(path, 'user.' + rng.choice('abc'), noise(rng.choice([3, 100, 1500])))
    elif kind == 7:
        os.fchmod(fd, rng.choice([0o600, 0o644, 0o4755]))
    elif kind == 8:
        try:
            os.removexattr(path, 'user.' + rng.choice('abc'))
        except OSError:
            pass
    os.close(fd)

def sync_all():
    # Not the other volumes that are mounted.
    fd = os.open('.', os.O_RDONLY)
    libc.syncfs(fd)
    os.close(fd)

def sync(path):
    fd = os.open(path, os.O_RDONLY)
    rng.choice([os.fsync, os.fsync, os.fdatasync])(fd)
    os.close(fd)
    with open(path, 'rb') as f:
        fsynced[path] = hashlib.sha256(f.read()).hexdigest()

for path in dirs:
    os.mkdir(path)
for i in range(12):
    create(new_name())
sync_all()
for step in range(60 + seed % 5 * 60):
    kind = rng.randrange(20)
    path = rng.choice(files)
    if kind <= 6:
        change(path)
    elif kind <= 11:
        sync(path)
    elif kind <= 14:
        path = new_name()
        create(path)
        if rng.randrange(3):
            sync(path)
    elif kind == 15 and len(files) > 4:
        files.remove(path)
        changed(path)
        os.unlink(path)
        if rng.randrange(2):
            create(path)
            sync(path)
    elif kind == 16:
        other = new_name()
        os.rename(path, other)
        files[files.index(path)] = other
        changed(path)
    elif kind == 17:
        other = new_name()
        os.link(path, other)
        changed(path)
        # Two names of one file: what is known of one does not hold when the other is changed.
        files.remove(path)
    elif kind == 18 and len(dirs) < 5:
        other = '%s/s%d' % (rng.choice(dirs), step)
        os.mkdir(other)
        dirs.append(other)
    elif kind == 19 and rng.randrange(8) == 0:
        sync_all()
print(json.dumps(fsynced))
`;
