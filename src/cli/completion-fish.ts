// The completion script for fish.
import type { Known, KnownOption } from './completion-grammar.ts';

/** `options` are those of the program itself. */
export function fishScript(commands: readonly Known[], options: readonly KnownOption[]): string {
  // Within its quotes fish knows two escapes.
  const text = (what: string) => `'${what.replace(/[\\']/g, '\\$&')}'`;
  const optionLine = (condition: string, { short, long, text: description, value }: KnownOption) => {
    const offer = value === null ? null : value.offer;
    const taken =
      value === null ? '' : offer === 'files' ? ' -r -F' : offer === null ? ' -x' : ` -x -a ${text(offer.join(' '))}`;
    const flags = `${short === undefined ? '' : ` -s ${short.slice(1)}`}${long === undefined ? '' : ` -l ${long.slice(2)}`}`;
    return `complete -c f2fs -n ${text(condition)}${flags}${taken} -d ${text(description)}`;
  };
  return `${[
    '# Completes f2fs in fish: f2fs completion fish | source, or a file of the name f2fs.fish in',
    '# ~/.config/fish/completions.',
    ...options.map((option) => optionLine('__fish_use_subcommand', option)),
    ...commands.map(
      ({ name, summary }) => `complete -c f2fs -n __fish_use_subcommand -f -a ${name} -d ${text(summary)}`,
    ),
    ...commands.flatMap(({ name, options: own, parameters }) => {
      const condition = `__fish_seen_subcommand_from ${name}`;
      const [first] = parameters;
      const words = Array.isArray(first?.offer)
        ? [`complete -c f2fs -n ${text(condition)} -f -a ${text(first.offer.join(' '))}`]
        : [];
      return [...own.map((option) => optionLine(condition, option)), ...words];
    }),
  ].join('\n')}\n`;
}
