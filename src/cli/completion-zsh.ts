// The completion script for zsh.
import { flagsOf, type Known, type KnownOption, type Parameter, quoted } from './completion-grammar.ts';

/** `options` are those of the program itself. */
export function zshScript(commands: readonly Known[], options: readonly KnownOption[]): string {
  const plain = (text: string) => text.replace(/[\\:[\]]/g, '\\$&');
  const action = (offer: Parameter['offer']) =>
    offer === 'files' ? '_files' : offer === null ? ' ' : `(${offer.join(' ')})`;
  const optionSpecs = (list: readonly KnownOption[]) =>
    list.flatMap(({ text, value, ...flags }) => {
      const all = flagsOf({ ...flags, text, value });
      const others = all.length > 1 ? `(${all.join(' ')})` : '';
      return all.map((flag) => {
        const assigned = value === null ? '' : flag.startsWith('--') ? '=' : '+';
        const taken = value === null ? '' : `:${plain(value.name)}:${action(value.offer)}`;
        return quoted(`${others}${flag}${assigned}[${plain(text)}]${taken}`);
      });
    });
  const parameterSpecs = (list: readonly Parameter[]) =>
    list.map(({ name, repeated, offer }, i) => quoted(`${repeated ? '*' : i + 1}:${plain(name)}:${action(offer)}`));
  const call = (specs: readonly string[], indent: string) => ['_arguments -s -S', ...specs].join(` \\\n${indent}`);
  return `${[
    '#compdef f2fs',
    '# Completes f2fs in zsh: source <(f2fs completion zsh), or a file of the name _f2fs in a folder of $fpath.',
    '_f2fs() {',
    '  local curcontext=$curcontext state line',
    '  typeset -A opt_args',
    `  ${call([...optionSpecs(options), "'1: :->command'", "'*:: :->rest'"], '    ').replace('-s -S', '-C')}`,
    '  case $state in',
    '    command)',
    '      local -a commands=(',
    ...commands.map(({ name, summary }) => `        ${quoted(`${name}:${summary}`)}`),
    '      )',
    "      _describe -t commands 'command' commands",
    '      ;;',
    '    rest)',
    `      curcontext="\${curcontext%:*:*}:f2fs-$words[1]:"`,
    '      case $words[1] in',
    ...commands.flatMap(({ name, options: own, parameters }) => [
      `        ${name})`,
      `          ${call([...optionSpecs(own), ...parameterSpecs(parameters)], '            ')}`,
      '          ;;',
    ]),
    '      esac',
    '      ;;',
    '  esac',
    '}',
    'if [[ $funcstack[1] = _f2fs ]]; then _f2fs "$@"; else compdef _f2fs f2fs; fi',
  ].join('\n')}\n`;
}
