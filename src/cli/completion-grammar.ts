// The grammar of the command line as completion scripts need it, read off the one declaration.
import type { Argument, Command, Option } from 'commander';

/** What is to be known of a command. */
export interface Known {
  name: string;
  summary: string;
  options: readonly KnownOption[];
  parameters: readonly Parameter[];
}

export interface KnownOption {
  /** With their dashes. */
  short?: string;
  long?: string;
  text: string;
  value: Parameter | null;
}

/** What stands for an argument or a value. */
export interface Parameter {
  name: string;
  repeated: boolean;
  /** Words, or files of the host; null for what can't be guessed. */
  offer: readonly string[] | 'files' | null;
}

/** Names of values that are files of the host. Positional arguments are taken for such: images and sources are, paths may be. */
const FILE_VALUES = ['file'];

/** Every command, and `help`. */
export function commandsOf(program: Command): Known[] {
  const known = program.commands.map((command) => ({
    name: command.name(),
    summary: command.description(),
    options: optionsOf(command),
    parameters: command.registeredArguments.map(parameterOf),
  }));
  const names = known.map(({ name }) => name);
  const parameters = [{ name: 'command', repeated: false, offer: names }];
  return [...known, { name: 'help', summary: 'display help for command', options: [], parameters }];
}

function parameterOf(argument: Argument): Parameter {
  return { name: argument.name(), repeated: argument.variadic, offer: argument.argChoices ?? 'files' };
}

export function optionsOf(command: Command): KnownOption[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map((option) => ({
      short: option.short,
      long: option.long,
      text: option.description,
      value: valueParameter(option),
    }));
}

function valueParameter(option: Option): Parameter | null {
  if (!option.required && !option.optional) return null;
  const name = /[<[]([^>\]:[]+)/.exec(option.flags)?.[1] ?? 'value';
  return { name, repeated: false, offer: option.argChoices ?? (FILE_VALUES.includes(name) ? 'files' : null) };
}

/** Without what is not there. */
export function flagsOf({ short, long }: KnownOption): string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

/** Text that bash and zsh take as it is. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
