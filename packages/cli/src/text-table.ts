// Writes rows of cells as an aligned Markdown table, so that one renderer serves the terminal and report files.
// Not a layout engine: no wrapping, no colour.

/** Columns whose cells are all numbers read best to the right. */
export type Alignment = "left" | "right";

/**
 * An aligned Markdown table.
 * @param header one title a column.
 * @param rows cells; a missing cell is empty, line breaks and bars inside a cell are escaped.
 * @param alignment one entry a column; default left.
 */
export function textTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  alignment: readonly Alignment[] = [],
): string {
  const cells = [header, ...rows].map((row) => header.map((_, column) => escapeCell(row[column] ?? "")));
  const widths = header.map((_, column) => Math.max(3, ...cells.map((row) => displayWidth(row[column] ?? ""))));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => pad(cell, widths[column] ?? 0, alignment[column] ?? "left")).join(" | ")} |`;
  const rule = `| ${widths.map((width, column) => (alignment[column] === "right" ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`;
  const [first = [], ...rest] = cells;
  return [line(first), rule, ...rest.map(line)].join("\n");
}

function escapeCell(cell: string): string {
  return cell.replaceAll("|", "\\|").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}

function pad(cell: string, width: number, alignment: Alignment): string {
  const space = " ".repeat(Math.max(0, width - displayWidth(cell)));
  return alignment === "right" ? space + cell : cell + space;
}

/** Terminal columns of a text: East Asian wide characters and emoji take two, combining marks none. */
function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}
