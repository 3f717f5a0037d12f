// Sizes as people read them.

const UNITS = ['', 'K', 'M', 'G', 'T'] as const;

/** `1.5 GiB` */
export function shortSize(bytes: number): string {
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  if (unit === 0) return `${bytes} bytes`;
  return `${value.toFixed(Number.isInteger(value) ? 0 : 1)} ${UNITS[unit]}iB`;
}

/** Two sizes that differ, so that they can be told apart: in bytes where they would read alike. */
export function sizesApart(a: number, b: number): [string, string] {
  const texts: [string, string] = [shortSize(a), shortSize(b)];
  return texts[0] === texts[1] ? [`${a} bytes`, `${b} bytes`] : texts;
}

/** `16K, 32K or 1M`, of whole KiB or MiB. */
export function choicesOfSizes(sizes: readonly number[]): string {
  const texts = sizes.map((size) => (size < 2 ** 20 ? `${size / 2 ** 10}K` : `${size / 2 ** 20}M`));
  return texts.join(', ').replace(/, (?=\w+$)/, ' or ');
}
