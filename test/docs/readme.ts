// The blocks of README.md, or another page, that a reader can run.
import * as fs from 'node:fs';
import * as path from 'node:path';

export const README = path.resolve(import.meta.dirname, '../../README.md');

export interface Block {
  /** Line of the page on which its contents begin, from 1. */
  readonly line: number;
  readonly language: string;
  /** Why it is not run, which stands behind the language; null when it is. */
  readonly notRun: string | null;
  readonly text: string;
}

/** Every fenced block of a page, in order. */
export function readmeBlocks(page = README): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; info: string; lines: string[] } | null = null;
  for (const [i, line] of fs.readFileSync(page, 'utf8').split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === null) open = { line: i + 2, info: fence[1], lines: [] };
    else {
      const [, language, reason] = /^(\w*)(?: not run: (.+))?$/.exec(open.info) ?? [];
      if (language === undefined)
        throw new Error(`line ${open.line - 1} of ${path.basename(page)}: '${open.info}' is no language`);
      blocks.push({ line: open.line, language, notRun: reason ?? null, text: `${open.lines.join('\n')}\n` });
      open = null;
    }
  }
  return blocks;
}

export interface Shown {
  line: number;
  command: string;
  /** null in a block of commands alone. */
  output: string | null;
}

/** The commands of a block of console, which follow `$ `, with what they print; of sh its lines. */
export function commandsOf({ language, line, text }: Block): Shown[] {
  const found: Shown[] = [];
  for (const [i, one] of text.trimEnd().split('\n').entries()) {
    const last = found.at(-1);
    if (language === 'sh') found.push({ line: line + i, command: one, output: null });
    else if (one.startsWith('$ ')) found.push({ line: line + i, command: one.slice(2), output: '' });
    else if (last !== undefined) last.output += `${one}\n`;
  }
  return found;
}
