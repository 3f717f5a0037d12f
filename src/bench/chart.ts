// A benchmark's figures as a picture: for each workload the engines and algorithms side by side, in SVG written by hand.
import type { EngineName } from '../writeback/engines.ts';
import { FIGURES, type FigureName } from './measure.ts';
import { figureText } from './report.ts';
import type { SummaryRow } from './summary.ts';

/** The figures that have a column each, and how to read them. */
const PANELS: readonly { figure: FigureName; title: string }[] = [
  { figure: 'mbPerSecond', title: 'MB/s (more is better)' },
  { figure: 'cpuSecondsPerGib', title: 'CPU seconds per GiB (less is better)' },
  { figure: 'syncP95Ms', title: 'sync, p95 in ms (less is better)' },
];
/** A hue for each engine, a tint for each algorithm; apart for those who see no red or green, too. */
const TINTS: Record<EngineName, readonly string[]> = {
  folios: ['#1f5f99', '#4f94cd', '#8fbde6', '#c2dcf3'],
  pages: ['#b3541e', '#dd8452', '#edb08c', '#f6d7c3'],
};

/** Pixels. */
const MARGIN = 24;
const LABEL_WIDTH = 100;
const PANEL_WIDTH = 300;
/** Of the longest bar; the rest of a panel is for its number. */
const BAR_WIDTH = 215;
const BAR_HEIGHT = 14;
const BAR_STEP = 17;
const GROUP_GAP = 16;
const LEGEND_STEP = 20;
const HEAD_HEIGHT = 62;
const WIDTH = 2 * MARGIN + LABEL_WIDTH + PANELS.length * PANEL_WIDTH;

/** What one bar stands for. */
interface Series {
  engine: EngineName;
  compress: string;
  colour: string;
}

/** The whole picture. `title` and `subtitle` may hold any text. */
export function chartOf(rows: readonly SummaryRow[], title: string, subtitle: string): string {
  const series = seriesOf(rows);
  const workloads = [...new Set(rows.map(({ workload }) => workload))];
  const legendRows = Math.ceil(series.length / 4);
  const top = HEAD_HEIGHT + legendRows * LEGEND_STEP + 34;
  const groupHeight = series.length * BAR_STEP + GROUP_GAP;
  const height = top + workloads.length * groupHeight + 34;
  const parts = [
    text(MARGIN, 32, title, 'font-size="17" font-weight="600"'),
    text(MARGIN, 52, subtitle, 'fill="#555"'),
    ...series.flatMap((one, i) =>
      legendEntry(one, MARGIN + (i % 4) * 230, HEAD_HEIGHT + Math.floor(i / 4) * LEGEND_STEP),
    ),
    ...PANELS.map((panel, i) => text(panelLeft(i), top - 16, panel.title, 'font-weight="600"')),
  ];
  workloads.forEach((workload, i) => {
    const y = top + i * groupHeight;
    const group = rows.filter((row) => row.workload === workload);
    parts.push(`<line x1="${MARGIN}" x2="${WIDTH - MARGIN}" y1="${y - 8}" y2="${y - 8}" stroke="#ddd"/>`);
    parts.push(text(MARGIN, y + (series.length * BAR_STEP) / 2 + 3, workload, ''));
    for (const [column, { figure }] of PANELS.entries())
      parts.push(...bars(group, series, figure, panelLeft(column), y));
  });
  const note =
    'Bars are to scale within a workload, not from one workload to another. Thin lines: slowest to fastest repeat.';
  parts.push(text(MARGIN, height - 16, note, 'fill="#555" font-size="11"'));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#222">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function seriesOf(rows: readonly SummaryRow[]): Series[] {
  const algorithms = [...new Set(rows.map(({ compress }) => compress))];
  const series: Series[] = [];
  for (const { engine, compress } of rows) {
    if (series.some((one) => one.engine === engine && one.compress === compress)) continue;
    const tints = TINTS[engine];
    series.push({ engine, compress, colour: tints[algorithms.indexOf(compress) % tints.length] });
  }
  return series;
}

function panelLeft(column: number): number {
  return MARGIN + LABEL_WIDTH + column * PANEL_WIDTH;
}

function legendEntry({ engine, compress, colour }: Series, x: number, y: number): string[] {
  const name = compress === 'none' ? `${engine}, not compressed` : `${engine}, ${compress}`;
  return [`<rect x="${x}" y="${y}" width="12" height="12" fill="${colour}"/>`, text(x + 18, y + 10, name, '')];
}

/** One workload's bars in one panel, the longest as wide as a bar may be. */
function bars(
  group: readonly SummaryRow[],
  series: readonly Series[],
  figure: FigureName,
  x: number,
  top: number,
): string[] {
  const most = Math.max(
    ...group.map((row) => row.figures[figure] ?? 0),
    ...(figure === 'mbPerSecond' ? group.map((row) => row.mbPerSecond.most) : []),
  );
  const scale = most > 0 ? BAR_WIDTH / most : 0;
  return series.flatMap(({ engine, compress, colour }, i) => {
    const y = top + i * BAR_STEP;
    const row = group.find((one) => one.engine === engine && one.compress === compress);
    const value = row?.figures[figure] ?? null;
    if (row === undefined || value === null) return [text(x, y + 11, '–', 'fill="#999"')];
    const width = value * scale;
    const what = `${row.workload}, ${engine}, ${compress}: ${figureText(row.figures, figure)} ${FIGURES[figure].heading}`;
    const shapes = [
      `<rect x="${x}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${colour}"><title>${escaped(what)}</title></rect>`,
    ];
    let end = width;
    if (figure === 'mbPerSecond' && row.mbPerSecond.most > row.mbPerSecond.least) {
      const [from, to] = [row.mbPerSecond.least * scale, row.mbPerSecond.most * scale];
      end = Math.max(end, to);
      const at = y + BAR_HEIGHT / 2;
      shapes.push(
        `<line x1="${(x + from).toFixed(1)}" x2="${(x + to).toFixed(1)}" y1="${at}" y2="${at}" stroke="#222" stroke-width="1"/>`,
      );
    }
    return [...shapes, text(Number((x + end + 6).toFixed(1)), y + 11, figureText(row.figures, figure), '')];
  });
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x}" y="${y}"${attributes === '' ? '' : ` ${attributes}`}>${escaped(content)}</text>`;
}

/** Text as XML takes it, without the control characters that it does not. */
function escaped(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu, '?');
}
