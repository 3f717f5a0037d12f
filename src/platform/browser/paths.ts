export function joinPaths(one: string, other: string): string {
  const path = [one, other].filter((part) => part !== '').join('/');
  if (path === '') return '.';
  const isAbsolute = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    const isUp = part === '..';
    if (!isUp) parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!isAbsolute) parts.push(part);
  }
  const end = parts.length > 0 && path.endsWith('/') ? '/' : '';
  const joined = `${isAbsolute ? '/' : ''}${parts.join('/')}${end}`;
  if (joined !== '') return joined;
  return path.endsWith('/') ? './' : '.';
}
