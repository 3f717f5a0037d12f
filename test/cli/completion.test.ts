// The manual page and the completion scripts say what the grammar says, and the programs that read them take them.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SHELLS, type Shell } from '../../src/cli/grammar.ts';
import { EXIT_CODES, makeProgram } from '../../src/cli/program.ts';
import { imageDirectory } from '../device/temporary.ts';
import { f2fsHere } from './in-process.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);
const PACKAGE = path.resolve(import.meta.dirname, '../..');
const program = makeProgram(() => Promise.resolve());
const names = program.commands.map((command) => command.name());
const flags = program.commands.flatMap((command) =>
  command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined))
    .map((flag) => ({ command: command.name(), flag })),
);

const has = (binary: string) => spawnSync(binary, ['--version']).error === undefined;
const lines = (text: string) => text.split('\n').filter((line) => line !== '');

beforeAll(async () => {
  for (const shell of SHELLS) {
    const said = await f2fsHere('completion', shell);
    expect(said).toMatchObject({ code: 0, stderr: '' });
    fs.writeFileSync(temporary.file(shell), said.stdout);
  }
  fs.mkdirSync(temporary.file('host'));
  fs.writeFileSync(temporary.file('host/disk.img'), '');
});

/** Runs `script` after the completion script of `shell`, without the user's own settings. */
function shell(name: Shell, script: string, ...args: string[]): string {
  const options = { bash: ['--norc', '--noprofile'], zsh: ['-f'], fish: ['--no-config'] }[name];
  const { stdout, stderr, status } = spawnSync(name, [...options, '-c', script, ...args], {
    cwd: temporary.file('host'),
    encoding: 'utf8',
    env: { ...process.env, HOME: temporary.directory, TERM: 'dumb' },
    timeout: 60_000,
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

/** What stands in place of the last word, for each command line: its words with blanks between them, the last may be empty. */
function inBash(commandLines: readonly string[]): string[][] {
  const script = `set -u; source ../bash
    for line; do
      IFS=' ' read -ra COMP_WORDS <<< "$line"; [[ $line != *' ' ]] || COMP_WORDS+=('')
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=\${#line}
      _f2fs; printf "%s\\n" "\${COMPREPLY[*]-}"
    done`;
  const said = shell('bash', script, 'bash', ...commandLines).split('\n');
  return commandLines.map((_, i) => said[i].split(' ').filter((word) => word !== ''));
}

describe('bash', () => {
  it('completes every command and every option', () => {
    const all = inBash(['f2fs ', ...flags.map(({ command, flag }) => `f2fs ${command} ${flag}`)]);
    expect(all[0].sort()).toEqual([...names, 'help'].sort());
    for (const [i, { command, flag }] of flags.entries()) expect(all[i + 1], `${command} ${flag}`).toContain(flag);
  });

  it.each<[string, string[]]>([
    ['f2fs bu', ['build']],
    ['f2fs --v', ['--version']],
    ['f2fs build --holes ', ['source', 'zeros']],
    ['f2fs build --holes = z', ['zeros']],
    ['f2fs build --holes =', ['source', 'zeros']],
    ['f2fs build tree disk.img --eng', ['--engine']],
    ['f2fs completion z', ['zsh']],
    ['f2fs help mkf', ['mkfs']],
    ['f2fs build -- --h', []],
    ['f2fs nonsense -', []],
    ['f2fs ls --size ', []],
  ])('%s', (line, words) => {
    expect(inBash([line])).toEqual([words]);
  });

  it('is registered, with files of the host for the rest', () => {
    expect(shell('bash', 'source ../bash; complete -p f2fs')).toBe(
      'complete -o bashdefault -o default -F _f2fs f2fs\n',
    );
  });
});

describe.skipIf(!has('fish'))('fish', () => {
  const complete = (line: string) =>
    lines(shell('fish', 'source ../fish; complete -C $argv[1]', line)).map((one) => one.split('\t')[0]);

  it('completes commands, options, values and files', () => {
    expect(complete('f2fs ')).toEqual(expect.arrayContaining([...names, 'help']));
    expect(complete('f2fs mkf')).toEqual(['mkfs']);
    expect(complete('f2fs build --hol')).toEqual(['--holes']);
    expect(complete('f2fs build --holes ')).toEqual(['source', 'zeros']);
    expect(complete('f2fs getfattr -e b')).toEqual(['base64']);
    expect(complete('f2fs completion ').sort()).toEqual([...SHELLS].sort());
    expect(complete('f2fs ls d')).toEqual(['disk.img']);
    expect(complete('f2fs setfattr --restore d')).toEqual(['disk.img']);
    for (const command of names) {
      const own = flags.filter((one) => one.command === command && one.flag.startsWith('--'));
      expect(complete(`f2fs ${command} --`), command).toEqual(expect.arrayContaining(own.map(({ flag }) => flag)));
    }
  });
});

describe.skipIf(!has('zsh'))('zsh', () => {
  // A terminal, into which lines and a tab are typed; what stands on the line then is printed by another key.
  const DRIVER = `zmodload zsh/zpty
    zpty z zsh -f -i
    zpty -w z "PS1='> '; unsetopt beep; autoload -Uz compinit; compinit -D -u; source ../zsh"
    zpty -w z 'show() { print -r -- "<$BUFFER>"; BUFFER=; }; zle -N show; bindkey "^X" show; echo rea""dy'
    zpty -r -m z out '*ready*'
    for line; do
      zpty -n -w z "$line"$'\\t\\x18'
      zpty -r -m z out '*<*>*'
      print -r -- "\${\${out##*<}%%>*}"
    done
    zpty -d z`;

  it('completes commands, options, values and files', () => {
    const typed = {
      'f2fs mks': 'f2fs mkswap ',
      'f2fs build --hol': 'f2fs build --holes=',
      'f2fs build --holes=z': 'f2fs build --holes=zeros ',
      'f2fs ls d': 'f2fs ls disk.img ',
      'f2fs completion z': 'f2fs completion zsh ',
      'f2fs chmod --rec': 'f2fs chmod --recursive ',
      'f2fs getfattr -e b': 'f2fs getfattr -e base64 ',
      'f2fs setfattr --restore=d': 'f2fs setfattr --restore=disk.img ',
      'f2fs help chow': 'f2fs help chown ',
    };
    const said = lines(shell('zsh', DRIVER, 'zsh', ...Object.keys(typed)));
    expect(said.map((line) => line.trimEnd())).toEqual(Object.values(typed).map((line) => line.trimEnd()));
  });
});

describe('the manual page', () => {
  let page = '';

  beforeAll(() => {
    page = temporary.file('f2fs.1');
    const tsx = path.join(PACKAGE, 'node_modules/.bin/tsx');
    const made = spawnSync(tsx, ['tools/man-page.ts', page], {
      cwd: PACKAGE,
      encoding: 'utf8',
      env: { ...process.env, SOURCE_DATE_EPOCH: '1700000000' },
    });
    expect(made).toMatchObject({ status: 0, stderr: '', stdout: '' });
  });

  it('is made by the build, and is where the package says', () => {
    const { man, files, scripts } = JSON.parse(fs.readFileSync(path.join(PACKAGE, 'package.json'), 'utf8')) as {
      man: string[];
      files: string[];
      scripts: Record<string, string>;
    };
    // npm links nothing of a text.
    expect(man).toEqual(['./dist/f2fs.1']);
    expect(files).toContain('dist');
    expect(scripts['build']).toContain('tools/man-page.ts dist/f2fs.1');
  });

  it('names every command, argument, option and exit code', () => {
    const text = fs.readFileSync(page, 'utf8').replaceAll('\\-', '-').replaceAll('\\:', '');
    expect(text).toContain('.TH F2FS 1 "2023-11-14"');
    const sections = new Map(text.split('\n.SS ').map((part) => [part.split('\n')[0].replaceAll('"', ''), part]));
    for (const command of program.commands) {
      const help = command.createHelp();
      const part = sections.get(command.name()) ?? '';
      for (const option of help.visibleOptions(command)) expect(part).toContain(`.B "${help.optionTerm(option)}"`);
      for (const argument of help.visibleArguments(command))
        expect(part).toContain(`.B "${help.argumentTerm(argument)}"`);
    }
    for (const [code] of EXIT_CODES) expect(text).toContain(`.B "${code}"`);
  });

  it.skipIf(!has('man'))('is shown by man without a warning', () => {
    const shown = spawnSync('man', ['--warnings', '-l', page], {
      encoding: 'utf8',
      env: { ...process.env, MANWIDTH: '80', LC_ALL: 'C.UTF-8' },
    });
    expect(shown).toMatchObject({ status: 0, stderr: '' });
    const text = shown.stdout.replace(/.[\b]/g, '');
    expect(text).toContain('-O, --features <names>');
    expect(text).toContain('f2fs setfattr --restore=- disk.img /srv < attributes.txt');
    expect(text).toContain('\\xNN for a byte, \\\\ for a');
  });

  it.skipIf(spawnSync('mandoc', ['-h']).error !== undefined)('has nothing that mandoc finds fault with', () => {
    expect(spawnSync('mandoc', ['-Tlint', page], { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '' });
  });
});
