// Makes the declarations that tsc wrote to dist/ readable for TypeScript before 5.7, whose typed arrays have no type parameter.
// Run by `npm run build`. What is public and wants the parameter says it in a way that both take: see OwnBytes.
import * as fs from 'node:fs';
import * as path from 'node:path';

const PARAMETER = /\b([A-Z]\w*Array|DataView|Buffer)<ArrayBuffer(?:Like)?>/g;

const dist = path.resolve(import.meta.dirname, '../dist');
for (const name of fs.readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.d.ts')) continue;
  const file = path.join(dist, name);
  const text = fs.readFileSync(file, 'utf8');
  const portable = text.replace(PARAMETER, '$1');
  if (portable !== text) fs.writeFileSync(file, portable);
}
