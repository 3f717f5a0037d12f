// docs/TESTING.md is true: every variable that something reads has its row there, with who reads it; every folder of tests is named;
// and what the pages have a reader run or set is there.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');
const page = fs.readFileSync(path.join(ROOT, 'docs/TESTING.md'), 'utf8');
/** Pages that tell a reader to run tests. */
const PAGES = [
  'README.md',
  'DESIGN.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'docs/TESTING.md',
  'docs/BENCHMARKS.md',
];
/** How TypeScript and shell ask for a variable. */
const READS = /\benv(?:\.|\[')(F2FS_\w+)|\$\{?(F2FS_\w+)/g;

function filesBelow(folder: string): string[] {
  return fs
    .readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)));
}

const testFiles = filesBelow('test');
const sources = [...['src', 'tools', '.ci', 'images'].flatMap(filesBelow), ...testFiles, 'vitest.config.ts']
  .filter((file) => /\.(ts|sh|c)$|^\.ci\//.test(file))
  .map((file) => ({ file, text: fs.readFileSync(path.join(ROOT, file), 'utf8') }));

/** Files by the variable that they read. */
const readers = new Map<string, string[]>();
for (const { file, text } of sources) {
  for (const [, inCode, inShell] of text.matchAll(READS)) {
    const name = inCode ?? inShell;
    readers.set(name, [...(readers.get(name) ?? []), file]);
  }
}

/** The cells of each row that begins with a name of a variable. */
const rows = page
  .split('\n')
  .filter((line) => /^\| `F2FS_\w+` \|/.test(line))
  .map((line) =>
    line
      .split(' | ')
      .map((cell) => cell.replace(/^\| | \|$/g, ''))
      .map((cell) => cell.trim()),
  );

describe('variables', () => {
  it('each that is read has one row, and each row is read', () => {
    expect(readers.size).toBeGreaterThan(20);
    expect(rows.map(([name]) => name.slice(1, -1)).sort()).toEqual([...readers.keys()].sort());
  });

  it.each(rows.map(([name, , , where]) => ({ name: name.slice(1, -1), where })))(
    '$name is read where the table says',
    ({ name, where }) => {
      const place = where.split(' ')[0];
      expect((readers.get(name) ?? []).filter((file) => file.startsWith(place))).not.toEqual([]);
    },
  );

  it('none is read by a name that is made up at run time', () => {
    const dynamic = sources.filter(({ text }) => /process\.env\[[^']/.test(text)).map(({ file }) => file);
    expect(dynamic).toEqual([]);
  });
});

it('every folder of tests is named', () => {
  const folders = fs.readdirSync(path.join(ROOT, 'test'), { withFileTypes: true }).filter((one) => one.isDirectory());
  const named = [...page.matchAll(/^\| `(test\/\w+)` \|/gm)].map(([, folder]) => folder);
  expect(named).toEqual(folders.map(({ name }) => `test/${name}`).sort());
});

describe.each(PAGES)('%s', (name) => {
  const text = fs.readFileSync(path.join(ROOT, name), 'utf8');

  it('sets variables that are read', () => {
    const set = [...text.matchAll(/\b(F2FS_[A-Z_]+)=/g)].map(([, variable]) => variable);
    expect(set.filter((variable) => !readers.has(variable))).toEqual([]);
  });

  it('runs tests that there are', () => {
    const commands = text.matchAll(/(?:npx vitest (?:run|list)|tools\/test\.sh)((?: [^\s`|]+)*)/g);
    const wanted = [...commands].flatMap(([, words]) => words.split(' ').filter((word) => word.startsWith('test/')));
    const isThere = (part: string) => testFiles.some((file) => file.endsWith('.test.ts') && file.startsWith(part));
    expect(wanted.filter((part) => !isThere(part))).toEqual([]);
  });

  it('links to what there is, in the package too', () => {
    const links = [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, link]) => link);
    const files = links.filter((link) => !/^https?:/.test(link)).map((link) => path.join(path.dirname(name), link));
    expect(files.filter((file) => !fs.existsSync(path.join(ROOT, file)))).toEqual([]);
    const packed: string[] = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')).files;
    expect(files.filter((file) => !packed.includes(file.split('/')[0]))).toEqual([]);
  });
});
