// Programs of the benchmark that use the compiled library: each is a module of children/, turned into plain JavaScript
// first, so that neither a TypeScript loader nor this process is part of what is measured.
import * as fs from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import type { Context } from './contest.ts';
import { measure, type Sample } from './measure.ts';

export type ChildName = 'codecs' | 'engine' | 'mount' | 'names' | 'read' | 'write';

/** What a child is told, as its only argument. */
export interface ChildTask {
  /** URL of the directory of the compiled library. */
  readonly dist: string;
  readonly image: string;
  /** The case's own number: names to make, bytes to write. */
  readonly amount: number;
  /** What else the case says to its child. */
  readonly choice: string;
}

/** How a child is run: `typescript` for one that imports this project's tools, and does its own timing. */
export interface ChildOptions {
  readonly choice?: string;
  readonly typescript?: boolean;
}

/**
 * Runs a child in a process of its own. Returns what it printed, which the caller knows the type of, and what it cost.
 */
export async function runChild<Report>(
  { workspace, dist }: Context,
  name: ChildName,
  image: string,
  amount = 0,
  { choice = '', typescript = false }: ChildOptions = {},
): Promise<{ report: Report; sample: Sample }> {
  const task: ChildTask = { dist: `${pathToFileURL(dist)}/`, image, amount, choice };
  const module = new URL(`./children/${name}.ts`, import.meta.url);
  if (typescript) {
    const command = [process.execPath, '--import', import.meta.resolve('tsx'), fileURLToPath(module)];
    const sample = await measure([...command, JSON.stringify(task)], true);
    return { report: JSON.parse(sample.stdout) as Report, sample };
  }
  const program = workspace.file(`${name}.mjs`);
  const source = fs.readFileSync(module, 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
  });
  fs.writeFileSync(program, outputText);
  const sample = await measure([process.execPath, program, JSON.stringify(task)], true);
  return { report: JSON.parse(sample.stdout) as Report, sample };
}
