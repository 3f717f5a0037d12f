import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    setupFiles: ['test/byte-equality.ts'],
    // A guard against what never ends, not a measure: a busy machine is several times slower than an idle one.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    pool: 'forks',
    // Left to itself it leaves a core free, which on two is half of them.
    maxWorkers: availableParallelism(),
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          // What calls the host's C library where it can.
          name: 'without koffi',
          exclude: ['test/device/gzipped.test.ts', 'test/source/tar-*.test.ts'],
          include: [
            'test/{source,extract}/*.test.ts',
            'test/populate/{compress,options}.test.ts',
            'test/cli/source.test.ts',
            'test/device/*.test.ts',
          ],
          env: { F2FS_NO_KOFFI: '1' },
        },
      },
      {
        extends: true,
        test: {
          // What takes frames in every way there is; those that count reads are not among them.
          name: 'stress frames',
          include: [
            'test/fs/{compressed,fsync,names,pinned,ranges,recovery}.test.ts',
            'test/model/differential.test.ts',
          ],
          env: { F2FS_STRESS_FRAMES: '1', F2FS_OPS: '20000' },
        },
      },
    ],
  },
});
