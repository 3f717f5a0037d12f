// Modes as chmod takes them: octal, or changes such as u+rwX,go-w.
import { InvalidArgumentError } from 'commander';

/** The new permission bits (the low 12) of an entry that has `mode`. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

const SET_ID: Readonly<Record<string, number>> = { u: 0o4000, g: 0o2000, o: 0 };
const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };
const STICKY = 0o1000;
const SET_IDS = 0o6000;
const ALL = 0o7777;
const OCTAL = /^[0-7]+$/;
const NUMBERED = /^[+=-][0-7]+$/;
const NAMED = /^[ugoa]*([+=-]([rwxXst]*|[ugo]))+$/;

/**
 * `755`, `u=rwX,go=rX`, `+x` (for all: an image knows no umask), `-022`. A directory keeps set-id bits that are not named, as with
 * GNU's chmod; five digits name them, and so do digits behind an operator. Throws commander's error.
 */
export function parseMode(text: string): ModeChange {
  if (OCTAL.test(text)) {
    const bits = bitsOfDigits(text);
    const kept = text.length < 5 ? SET_IDS : 0;
    return (mode, isDirectory) => bits | (isDirectory ? mode & kept : 0);
  }
  const clauses = text.split(',');
  if (!clauses.every((clause) => NUMBERED.test(clause) || NAMED.test(clause))) throw invalidMode();
  const changes = clauses.flatMap((clause) => (NUMBERED.test(clause) ? [numberedChange(clause)] : changesOf(clause)));
  return (mode, isDirectory) => changes.reduce((now, change) => change(now, isDirectory), mode & ALL);
}

function bitsOfDigits(digits: string): number {
  const bits = Number.parseInt(digits, 8);
  if (bits <= ALL) return bits;
  throw invalidMode();
}

function invalidMode(): InvalidArgumentError {
  return new InvalidArgumentError('Expected 0 to 07777 in octal, as 755, or changes, as u+rwX,go-w.');
}

/** `+111`, `-022`, `=755`: these bits of all. */
function numberedChange(clause: string): ModeChange {
  const bits = bitsOfDigits(clause.slice(1));
  switch (clause[0]) {
    case '+':
      return (mode) => mode | bits;
    case '-':
      return (mode) => mode & ~bits;
    default:
      return () => bits;
  }
}

/** A clause may have several operations for the same people: `u-x+r`. */
function changesOf(clause: string): ModeChange[] {
  const [people] = /^[ugoa]*/.exec(clause) ?? [''];
  const who = people === '' || people.includes('a') ? 'ugo' : people;
  const operations = clause.slice(people.length).matchAll(/([+=-])([rwxXstugo]*)/g);
  return Array.from(
    operations,
    ([, operator, what]): ModeChange =>
      (mode, isDirectory) => {
        const bits = bitsOf(who, what, mode, isDirectory);
        if (operator === '+') return mode | bits;
        if (operator === '-') return mode & ~bits;
        const kept = isDirectory && !what.includes('s') ? SET_IDS : 0;
        return (mode & ~(maskOf(who) & ~kept)) | bits;
      },
  );
}

/** What `=` takes away first. */
function maskOf(who: string): number {
  let mask = who.includes('o') ? STICKY : 0;
  for (const one of who) mask |= (7 << SHIFT[one]) | SET_ID[one];
  return mask;
}

function bitsOf(who: string, what: string, mode: number, isDirectory: boolean): number {
  let bits = what.includes('t') && who.includes('o') ? STICKY : 0;
  for (const one of who) {
    let three = what.length === 1 && what in SHIFT ? (mode >>> SHIFT[what]) & 7 : 0;
    if (what.includes('r')) three |= 4;
    if (what.includes('w')) three |= 2;
    if (what.includes('x') || (what.includes('X') && (isDirectory || (mode & 0o111) !== 0))) three |= 1;
    bits |= three << SHIFT[one];
    if (what.includes('s')) bits |= SET_ID[one];
  }
  return bits;
}
