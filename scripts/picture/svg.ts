/** Draws terminal screens as an SVG: understands the escape sequences for colour and weight that tmux captures. */
import type { Screen } from "./record.ts";

const FONT = 14;
const CELL = 8.4;
const LINE = 18;
const PADDING = 14;
const TITLE = 30;
const GAP = 16;

const palette = [
  ...["#1c1e26", "#f07178", "#7fd88f", "#e6c07b", "#82aaff", "#c792ea", "#7fdbca", "#c8ccd4"],
  ...["#7f8490", "#ff8b92", "#a5e6b0", "#f2d49b", "#a6c1ff", "#dab3f5", "#a3ece0", "#ffffff"],
];
const FOREGROUND = "#d6d9e0";

interface Style {
  colour: string;
  background: string | undefined;
  bold: boolean;
  dim: boolean;
  italic: boolean;
}

interface Run extends Style {
  text: string;
  column: number;
}

const plain: Style = { colour: FOREGROUND, background: undefined, bold: false, dim: false, italic: false };

/** Colour number of the 256-colour table. */
function indexed(n: number): string {
  if (n < 16) return palette[n] ?? FOREGROUND;
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  if (n >= 232) return `#${hex(8 + (n - 232) * 10).repeat(3)}`;
  const levels = [0, 95, 135, 175, 215, 255];
  const [red, green, blue] = [Math.floor((n - 16) / 36), Math.floor((n - 16) / 6) % 6, (n - 16) % 6];
  return `#${[red, green, blue].map((level) => hex(levels[level] ?? 0)).join("")}`;
}

/** The style after one escape sequence `ESC [ codes m`. */
function styled(style: Style, codes: readonly number[]): Style {
  let next = style;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0;
    if (code === 0) next = plain;
    else if (code === 1) next = { ...next, bold: true };
    else if (code === 2) next = { ...next, dim: true };
    else if (code === 3) next = { ...next, italic: true };
    else if (code === 22) next = { ...next, bold: false, dim: false };
    else if (code === 23) next = { ...next, italic: false };
    else if (code === 39) next = { ...next, colour: FOREGROUND };
    else if (code === 49) next = { ...next, background: undefined };
    else if (code === 38 || code === 48) {
      const isIndexed = codes[i + 1] === 5;
      const [, , a = 0, b = 0, c = 0] = codes.slice(i);
      const colour = isIndexed ? indexed(a) : `rgb(${a},${b},${c})`;
      next = code === 38 ? { ...next, colour } : { ...next, background: colour };
      i += isIndexed ? 2 : 4;
    } else if (code >= 30 && code <= 37) next = { ...next, colour: indexed(code - 30) };
    else if (code >= 90 && code <= 97) next = { ...next, colour: indexed(code - 82) };
    else if (code >= 40 && code <= 47) next = { ...next, background: indexed(code - 40) };
  }
  return next;
}

function runsOf(line: string): Run[] {
  const runs: Run[] = [];
  let style = plain;
  let column = 0;
  for (const part of line.split(/(\x1b\[[0-9;]*m)/)) {
    if (part.startsWith("\x1b")) style = styled(style, part.slice(2, -1).split(";").map(Number));
    else if (part !== "") {
      runs.push({ ...style, text: part, column });
      column += [...part].length;
    }
  }
  return runs;
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** Renderers collapse ordinary spaces. */
const spaced = (text: string): string => escaped(text).replaceAll(" ", "\u00a0");

function drawRun(run: Run, x: number, y: number): string {
  const width = ([...run.text].length * CELL).toFixed(1);
  const left = (x + run.column * CELL).toFixed(1);
  const box =
    run.background === undefined
      ? ""
      : `<rect x="${left}" y="${y - LINE + 5}" width="${width}" height="${LINE}" fill="${run.background}"/>`;
  if (run.text.trim() === "") return box;
  const look = `${run.bold ? ' font-weight="bold"' : ""}${run.dim ? ' opacity="0.6"' : ""}${run.italic ? ' font-style="italic"' : ""}`;
  return `${box}<text x="${left}" y="${y}" fill="${run.colour}" textLength="${width}"${look}>${spaced(run.text)}</text>`;
}

const linesOf = (screen: Screen): string[] => screen.ansi.trimEnd().split("\n");
const heightOf = (rows: number): number => TITLE + rows * LINE + 2 * PADDING;

function drawScreen(screen: Screen, x: number, y: number, width: number, rows: number): string {
  const lines = linesOf(screen).flatMap((line, row) =>
    runsOf(line.trimEnd()).map((run) => drawRun(run, x + PADDING, y + TITLE + PADDING + (row + 1) * LINE - 5)),
  );
  return [
    `<rect x="${x}" y="${y}" width="${width}" height="${heightOf(rows)}" rx="8" fill="#1c1e26" stroke="#3a3f4b"/>`,
    `<text x="${x + width / 2}" y="${y + 20}" fill="#9aa0ac" text-anchor="middle">${escaped(screen.title)}</text>`,
    ...lines,
  ].join("\n");
}

const widthOf = (columns: number): number => Math.ceil(columns * CELL) + 2 * PADDING;

function picture(width: number, height: number, description: string, ...screens: string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT}" role="img">
<title>${escaped(description)}</title>
${screens.join("\n")}
</svg>
`;
}

/** One screen. */
export function drawOne(screen: Screen, columns: number, description: string): string {
  const rows = linesOf(screen).length;
  const width = widthOf(columns);
  return picture(width, heightOf(rows), description, drawScreen(screen, 0, 0, width, rows));
}

/** The first two screens side by side, the third below them. */
export function draw([left, right, below]: [Screen, Screen, Screen], columns: number, description: string): string {
  const width = widthOf(columns);
  const rows = Math.max(linesOf(left).length, linesOf(right).length);
  const total = 2 * width + GAP;
  const under = linesOf(below).length;
  return picture(
    total,
    heightOf(rows) + GAP + heightOf(under),
    description,
    drawScreen(left, 0, 0, width, rows),
    drawScreen(right, width + GAP, 0, width, rows),
    drawScreen(below, 0, heightOf(rows) + GAP, total, under),
  );
}
