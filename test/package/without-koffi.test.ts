// The sources compile where the optional packages are not installed: npm ci --omit=optional && npm run build.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const PACKAGE = resolve(import.meta.dirname, '../..');

test('no type of an optional package is needed to compile', () => {
  const project = fs.mkdtempSync(join(tmpdir(), 'f2fs-without-'));
  try {
    const manifest = JSON.parse(fs.readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
    const optional = Object.keys(manifest.optionalDependencies);
    expect(optional).toEqual(['koffi']);
    fs.cpSync(join(PACKAGE, 'src'), join(project, 'src'), { recursive: true });
    for (const file of ['package.json', 'tsconfig.json', 'tsconfig.build.json'])
      fs.copyFileSync(join(PACKAGE, file), join(project, file));
    fs.mkdirSync(join(project, 'node_modules'));
    for (const name of fs.readdirSync(join(PACKAGE, 'node_modules'))) {
      if (!optional.includes(name))
        fs.symlinkSync(join(PACKAGE, 'node_modules', name), join(project, 'node_modules', name));
    }
    const tsc = join(PACKAGE, 'node_modules/typescript/bin/tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--noEmit'], {
      cwd: project,
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
  } finally {
    fs.rmSync(project, { recursive: true });
  }
});
