// f2fs completion: scripts that make shells complete this command, made from its grammar.
import type { Command } from 'commander';
import { bashScript } from './completion-bash.ts';
import { fishScript } from './completion-fish.ts';
import { commandsOf, optionsOf } from './completion-grammar.ts';
import { zshScript } from './completion-zsh.ts';
import { EXIT } from './errors.ts';
import type { Shell } from './grammar.ts';
import { writeOut } from './output.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** Prints the script for `shell`. */
export async function completion(shell: Shell, program: Command): Promise<number> {
  await writeOut(SCRIPTS[shell](commandsOf(program), optionsOf(program)));
  return EXIT.ok;
}
