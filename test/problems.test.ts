// Problems: of each kind the first are listed and all are counted, in bounded memory.
import { expect, test, vi } from 'vitest';
import { countProblems, kindOfMessage, Problems, shortPath } from '../src/problems.ts';

test('those of a kind stand together, and the last one says how many more there were', () => {
  const problems = new Problems();
  for (let i = 0; i < 25; i++) {
    problems.add('EACCES', 'cannot be read', () => ({ path: `a${i}`, message: 'cannot be read' }));
    if (i % 10 === 0) problems.add('EIO', 'cannot be read', () => ({ path: `b${i}`, message: 'cannot be read' }));
  }
  const { list } = problems;
  expect(list.map(({ path }) => path)).toEqual([...Array.from({ length: 10 }, (_, i) => `a${i}`), 'b0', 'b10', 'b20']);
  expect(list.map(({ more }) => more)).toEqual([...new Array(9), 15, ...new Array(3)]);
  expect([countProblems(list), problems.count]).toEqual([28, 28]);
});

test('what is not listed costs nothing: neither its path nor its message is made', () => {
  const problems = new Problems();
  const tell = vi.fn(() => ({ path: 'p', message: 'm' }));
  for (let i = 0; i < 1000; i++) problems.add('EIO', 'kind', tell);
  expect(tell).toHaveBeenCalledTimes(10);
});

test('kinds without number are told apart by their codes alone', () => {
  const problems = new Problems();
  for (let i = 0; i < 100_000; i++)
    problems.add(i % 2 === 0 ? 'EIO' : 'EINVAL', `kind ${i}`, () => ({ path: 'p', message: `${i}` }));
  expect(problems.list.length).toBeLessThan(150);
  expect(countProblems(problems.list)).toBe(100_000);
});

test('messages that differ in numbers and names are of a kind', () => {
  expect(kindOfMessage(`inode 45 has "a" at block 7: open '/x/1'`)).toBe('inode # has # at block #: open #');
});

test('of a path that no call takes the ends are told', () => {
  const path = `start/${'x'.repeat(10_000)}/end`;
  expect(shortPath(path)).toMatch(/^start\/x+\[\.\.\. \d+ more \.\.\.]x+\/end$/);
  expect(shortPath(path).length).toBeLessThan(1100);
  expect(shortPath('x'.repeat(4095))).toBe('x'.repeat(4095));
});
