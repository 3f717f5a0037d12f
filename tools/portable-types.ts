// Makes the declarations that tsc wrote to dist/ readable for TypeScript before 5.7, whose typed arrays have no type parameter.
// What is internal has been left out, constructors too: they become such that nobody calls.
// Run by `npm run build`. What is public and wants the parameter says it in a way that both take: see OwnBytes.
import * as fs from 'node:fs';
import * as path from 'node:path';

const PARAMETER = /\b([A-Z]\w*Array|DataView|Buffer)<ArrayBuffer(?:Like)?>/g;

/** Classes of which the library makes the instances, and whose constructors are stripped. */
const MADE_BY_LIBRARY =
  /^(export declare class (?:Handle|Directory|FileHandle|FileSystem|AsyncFileHandle)\b[^{]*\{\n)/gm;

const dist = path.resolve(import.meta.dirname, '../dist');
for (const name of fs.readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.d.ts')) continue;
  const file = path.join(dist, name);
  const text = fs.readFileSync(file, 'utf8');
  const portable = text.replace(PARAMETER, '$1').replace(MADE_BY_LIBRARY, '$1    protected constructor();\n');
  if (portable !== text) fs.writeFileSync(file, portable);
}
