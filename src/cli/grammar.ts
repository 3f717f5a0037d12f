// What the declarations of the command line share.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { HOLE_POLICIES, VERITY_HASHES } from '../limits.ts';
import { UsageError } from './usage-error.ts';

/** Runs a command's work and takes its exit code. */
export type Run = (command: string, work: () => Promise<number>) => Promise<void>;

/** Shells that `f2fs completion` knows. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export const NAME_ON_LS = 'PATH is written as ls prints it: \\xNN for a byte, \\\\ for a backslash';

/** What the help of a command says beside its arguments and options. */
export interface Notes {
  /** Command lines without the program's name. */
  readonly examples: readonly string[];
  /** Paragraphs. */
  readonly after: string[];
}

const notes = new WeakMap<Command, Notes>();

/** For the manual page, which says the same as the help. */
export function notesOf(command: Command): Notes {
  return notes.get(command) ?? { examples: [], after: [] };
}

export function withExamples(command: Command, ...shown: string[]): Command {
  notes.set(command, { examples: shown, after: [] });
  return command.addHelpText('before', `Examples:\n${shown.map((line) => `  f2fs ${line}\n`).join('')}`);
}

/** Adds a paragraph to the end of the help of a command that has examples. Lines are filled in the manual page. */
export function withNote(command: Command, text: string): Command {
  notes.get(command)?.after.push(text);
  return command.addHelpText('after', `\n${text}`);
}

export function subcommand(program: Command, name: string, summary: string, ...shown: string[]): Command {
  return withExamples(program.command(name).description(summary), ...shown);
}

export function noRecoveryOption(): Option {
  return new Option('--no-recovery', 'the volume at its last checkpoint, without what was fsynced after it');
}

export function jsonOption(): Option {
  return new Option('--json', 'print JSON');
}

export function holesOption(): Option {
  return new Option('--holes <which>', 'those of the source, or blocks of zeros too')
    .choices(HOLE_POLICIES)
    .default('source');
}

/** Features of several -O, each a list with commas. */
export function addFeatures(text: string, before: string[] = []): string[] {
  const names = text.split(',').filter((name) => name !== '');
  if (names.length > 0) return [...before, ...names];
  throw new InvalidArgumentError('Expected names with commas; none stands for no feature.');
}

export function featuresOption(): Option {
  const description = 'exactly these features, with commas; default and none may be among them';
  return new Option('-O, --features <names>', description).argParser(addFeatures);
}

export function encodingOption(): Option {
  const description = 'directories may fold case: utf8, utf8:strict, utf8:hashonly; -O, if given, must name casefold';
  return new Option('-C, --encoding <encoding>', description);
}

/** What verity hashes with. */
export function hashOption(name: string): Option {
  return new Option(`${name} <algorithm>`, 'what is hashed with (default: sha256)').choices(VERITY_HASHES);
}

/** What build and put take over. */
export function allRootOption(): Option {
  return new Option('--all-root', 'everything belongs to 0:0 (modes stay, set-id bits too)');
}

export function noXattrsOption(): Option {
  return new Option('--no-xattrs', 'leave extended attributes, capabilities and ACLs among them, and inode flags');
}

/** Arguments of which the last, `name`, is another thing than those before it. Throws UsageError when there is none. */
export function sourcesAndLast(paths: readonly string[], name: string): [sources: string[], last: string] {
  const last = paths.at(-1);
  if (last === undefined || paths.length < 2) throw new UsageError(`missing required argument '${name}'`);
  return [paths.slice(0, -1), last];
}
