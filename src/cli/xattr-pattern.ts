// Patterns for the names of extended attributes: POSIX extended regular expressions, as getfattr(1) takes them.
import { UsageError } from './errors.ts';

const CLASSES: Readonly<Record<string, string>> = {
  alnum: 'a-zA-Z0-9',
  alpha: 'a-zA-Z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\s',
  upper: 'A-Z',
  xdigit: '0-9a-fA-F',
};

/** Whether a name fits `pattern`; `-` fits all. Throws UsageError for what is no pattern. */
export function namePattern(pattern: string): (name: string) => boolean {
  if (pattern === '-') return () => true;
  try {
    const expression = new RegExp(expressionOf(pattern), 'u');
    return (name) => expression.test(name);
  } catch {
    throw new UsageError(`invalid pattern '${pattern}': expected an extended regular expression, as '^user\\.'`);
  }
}

/** The same in the form of JavaScript, which differs in brackets and in what a backslash means. Throws SyntaxError. */
function expressionOf(pattern: string): string {
  let out = '';
  for (let at = 0; at < pattern.length; ) {
    const bracket = /^\[\^?\]?(?:\[:\w+:\]|[^\]])*\]/.exec(pattern.slice(at))?.[0];
    if (pattern[at] === '[' && bracket !== undefined) {
      out += bracketOf(bracket);
      at += bracket.length;
    } else if (pattern[at] === '\\' && at + 1 < pattern.length) {
      const next = pattern[at + 1];
      out += /[\^$\\.*+?()[\]{}|/wWsSbB]/.test(next) ? `\\${next}` : next;
      at += 2;
    } else if (pattern.startsWith('(?', at)) {
      throw new SyntaxError('nothing to repeat');
    } else {
      out += pattern[at++];
    }
  }
  return out;
}

function bracketOf(bracket: string): string {
  const isNegated = bracket.startsWith('[^');
  const inner = bracket.slice(isNegated ? 2 : 1, -1);
  const parts = inner.replace(/\[:(\w+):\]|[\\[\]&^]/g, (text, name?: string) => {
    if (name === undefined) return `\\${text === '&' ? 'x26' : text}`;
    const members = CLASSES[name];
    if (members === undefined) throw new SyntaxError(`no class ${name}`);
    return members;
  });
  return `[${isNegated ? '^' : ''}${parts}]`;
}
