// Runs the command within the test: the same grammar and the same lines, without the start of a child.
import { CommanderError } from 'commander';
import { vi } from 'vitest';
import { report } from '../../src/cli/errors.ts';
import { makeProgram } from '../../src/cli/program.ts';

export interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

/** One call at a time: what is printed meanwhile is taken for the command's. */
export async function f2fsHere(...args: string[]): Promise<Said> {
  const said: Said = { code: -1, stdout: '', stderr: '' };
  const take = (name: 'stdout' | 'stderr') =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk, ...rest) => {
      said[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      const done = rest.at(-1);
      if (typeof done === 'function') (done as () => void)();
      return true;
    });
  const spies = [take('stdout'), take('stderr')];
  try {
    await makeProgram(async (command, work) => {
      try {
        said.code = await work();
      } catch (error) {
        said.code = report(command, error);
      }
    }).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    said.code = 2;
    said.stderr += error.message;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return said;
}
