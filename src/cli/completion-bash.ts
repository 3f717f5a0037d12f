// The completion script for bash.
import { flagsOf, type Known, type KnownOption, type Parameter, quoted } from './completion-grammar.ts';

/** `options` are those of the program itself. */
export function bashScript(commands: readonly Known[], options: readonly KnownOption[]): string {
  const words = (list: readonly string[]) => `_f2fs_words ${quoted(list.join(' '))}`;
  const offered = (offer: Parameter['offer']) =>
    offer === 'files' ? 'return 0' : offer === null ? '_f2fs_nothing' : words(offer);
  const valueCases = (list: readonly KnownOption[]) =>
    list.flatMap(({ value, ...flags }) =>
      value === null ? [] : [`        ${flagsOf({ ...flags, value }).join('|')}) ${offered(value.offer)}; return ;;`],
    );
  const cases = commands.map(({ name, options: own, parameters }) => {
    const values = valueCases(own);
    const first = parameters[0]?.offer;
    return [
      `    ${name})`,
      ...(values.length === 0 ? [] : ['      case $previous in', ...values, '      esac']),
      `      case $current in`,
      `        -*) ${words(own.flatMap(flagsOf))} ;;`,
      ...(Array.isArray(first) ? [`        *) ${words(first)} ;;`] : []),
      '      esac',
      '      ;;',
    ];
  });
  return `${[
    '# Completes f2fs in bash: source <(f2fs completion bash), or a file of the name f2fs in',
    '# ~/.local/share/bash-completion/completions.',
    '_f2fs_words() {',
    '  local word',
    '  for word in $1; do',
    '    [[ $word != "$current"* ]] || COMPREPLY+=("$word")',
    '  done',
    '}',
    '_f2fs_nothing() { compopt +o bashdefault +o default 2>/dev/null || true; }',
    '_f2fs() {',
    `  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= i`,
    '  COMPREPLY=()',
    '  # --option=value comes as three words.',
    '  if [[ $current = = ]]; then current=',
    `  elif [[ $previous = = && COMP_CWORD -gt 1 ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi`,
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    `    if [[ \${COMP_WORDS[i]} = -- ]]; then [[ -n $command ]] && return 0`,
    `    elif [[ -z $command && \${COMP_WORDS[i]} != -* ]]; then command=\${COMP_WORDS[i]}; fi`,
    '  done',
    '  case $command in',
    "    '')",
    '      case $current in',
    `        -*) ${words(options.flatMap(flagsOf))} ;;`,
    `        *) ${words(commands.map(({ name }) => name))} ;;`,
    '      esac',
    '      ;;',
    ...cases.flat(),
    '  esac',
    '}',
    'complete -o bashdefault -o default -F _f2fs f2fs',
  ].join('\n')}\n`;
}
