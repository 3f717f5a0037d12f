// Writes the manual page, made from the grammar of the command line: tsx tools/man-page.ts FILE
// The build calls it. Its date is SOURCE_DATE_EPOCH's, or today.
import * as fs from 'node:fs';
import type { Command } from 'commander';
import { notesOf } from '../src/cli/grammar.ts';
import { ENVIRONMENT, EXIT_CODES, makeProgram, packageVersion } from '../src/cli/program.ts';

/** Columns that a line of the source has at most: mandoc asks for 80. */
const COLUMNS = 76;

/** Text of troff: what it would take for an escape is written otherwise. Words after a comma may go to the next line. */
function escapes(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '\\': '\\e',
    '-': '\\-',
    "'": '\\(aq',
    '`': '\\(ga',
    '^': '\\(ha',
    '~': '\\(ti',
  };
  return text.replace(/[\\\-'`^~]/g, (character) => names[character]).replace(/,(?=\w)/g, ',\\:');
}

/** A line that is no request, whatever it begins with. */
function literal(text: string): string {
  return escapes(text).replace(/^\./, '\\&.');
}

/** Text in lines of the source, which the page fills. */
function filled(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + escapes(word).length <= COLUMNS)
      lines[lines.length - 1] = `${last} ${escapes(word)}`;
    else lines.push(literal(word));
  }
  return lines;
}

/** Text in one of the fonts that macros name. */
function line(macro: string, text: string): string {
  return `.${macro} "${escapes(text).replaceAll('"', '\\(dq')}"`;
}

/** Names and what each means. */
function list(rows: readonly (readonly [string, string])[]): string[] {
  return rows.flatMap(([name, text]) => ['.TP', line('B', name), ...filled(text)]);
}

/** Lines as they are. */
function verbatim(lines: readonly string[]): string[] {
  return ['.PP', '.nf', '.RS 4', ...lines.map(literal), '.RE', '.fi'];
}

function paragraphs(texts: readonly string[]): string[] {
  return texts.flatMap((text) => ['.PP', ...filled(text)]);
}

/** Options as the help lists them, with defaults and choices. */
function optionRows(command: Command): [string, string][] {
  const help = command.createHelp();
  return help.visibleOptions(command).map((option) => [help.optionTerm(option), help.optionDescription(option)]);
}

function argumentRows(command: Command): [string, string][] {
  const help = command.createHelp();
  return help
    .visibleArguments(command)
    .map((argument) => [help.argumentTerm(argument), help.argumentDescription(argument)]);
}

function commandSection(program: Command, command: Command): string[] {
  const { examples, after } = notesOf(command);
  return [
    line('SS', command.name()),
    line('B', `${program.name()} ${command.name()} ${command.usage()}`),
    ...paragraphs([sentence(command.description())]),
    ...list([...argumentRows(command), ...optionRows(command)]),
    ...paragraphs(after.filter((text) => !isShared(program, text))),
    ...(examples.length === 0 ? [] : ['.PP', 'Examples:', ...verbatim(examples.map((one) => `f2fs ${one}`))]),
  ];
}

function commandsWith(program: Command, note: string): string[] {
  return program.commands.filter((command) => notesOf(command).after.includes(note)).map((command) => command.name());
}

function isShared(program: Command, note: string): boolean {
  return commandsWith(program, note).length > 1;
}

/** What the help of several commands says, once. */
function sharedNotes(program: Command): string[] {
  const all = new Set(program.commands.flatMap((command) => notesOf(command).after));
  return [...all]
    .filter((note) => isShared(program, note))
    .flatMap((note) => ['.PP', line('B', commandsWith(program, note).join(', ')), '.br', ...filled(note)]);
}

/** `Make an empty volume.` */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** @param date `2026-01-31` */
function manPage(program: Command, version: string, date: string): string {
  const description = program.description();
  const all = [
    `.TH F2FS 1 "${date}" "f2fs ${escapes(version)}" "User Commands"`,
    '.SH NAME',
    ...filled(description.charAt(0).toLowerCase() + description.slice(1).replace(/\.$/, '')).map((text, i) =>
      i === 0 ? `f2fs \\- ${text}` : text,
    ),
    '.SH SYNOPSIS',
    line('B', 'f2fs COMMAND [options] ARGUMENT...'),
    '.SH DESCRIPTION',
    ...filled(description),
    'An image is a file or a block device.',
    'Data goes to standard output, everything else to standard error.',
    'Options may stand before, between and behind arguments; all behind',
    line('B', '--'),
    'are arguments.',
    ...list(optionRows(program)),
    ...sharedNotes(program),
    '.SH COMMANDS',
    ...program.commands.flatMap((command) => commandSection(program, command)),
    '.SH EXIT STATUS',
    ...list(EXIT_CODES),
    '.SH ENVIRONMENT',
    ...list(ENVIRONMENT),
    '.SH EXAMPLES',
    ...verbatim(notesOf(program).examples.map((one) => `f2fs ${one}`)).slice(1),
    '.SH SEE ALSO',
    '.BR getfattr (1),',
    '.BR setfattr (1),',
    '.BR mkfs.f2fs (8),',
    '.BR fsck.f2fs (8)',
  ];
  return `${all.join('\n')}\n`;
}

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: tsx tools/man-page.ts FILE');
  process.exit(2);
}
const epoch = process.env['SOURCE_DATE_EPOCH'];
const date = epoch ? new Date(Number(epoch) * 1000) : new Date();
const program = makeProgram(() => Promise.resolve());
fs.writeFileSync(file, manPage(program, packageVersion(), date.toISOString().slice(0, 10)));
