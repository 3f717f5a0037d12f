#!/usr/bin/env node
// The command f2fs: parses, runs, and turns whatever happens into an exit code.
import { CommanderError } from 'commander';
import { complain, EXIT, report, usageText } from './errors.ts';
import { watchStreams } from './output.ts';
import { makeProgram } from './program.ts';

/** The command that runs; null for what is said before one does, and for help. */
let running: string | null = null;

async function run(command: string, work: () => Promise<number>): Promise<void> {
  running = command;
  try {
    process.exitCode = await work();
  } catch (error) {
    process.exitCode = report(command, error);
  }
}

/** Arguments that are taken for options, by command. */
const DASHED: Readonly<Record<string, string>> = { chmod: 'a mode', chattr: 'a change of flags' };

/** `error: missing ...` of commander becomes a line like all others. */
function usage(error: CommanderError): number {
  if (error.exitCode === 0) return EXIT.ok;
  if (error.code === 'commander.help') {
    const [asked, about] = program.args;
    if (asked === 'help' && about !== undefined) complain('usage', `unknown command '${about}' (see f2fs --help)`);
    return EXIT.usage;
  }
  const name =
    program.args.length > 0 && program.commands.some((one) => one.name() === program.args[0]) ? program.args[0] : null;
  const isDashed = error.code === 'commander.unknownOption' && name !== null && name in DASHED;
  const text = `${usageText(error.message)}${isDashed ? `; ${DASHED[name]} that begins with a dash stands behind --` : ''}`;
  complain(name ?? 'usage', `${text} (see f2fs ${name === null ? '' : `${name} `}--help)`);
  return EXIT.usage;
}

watchStreams(() => running);
const program = makeProgram(run);
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? usage(error) : report(running ?? 'usage', error);
}
