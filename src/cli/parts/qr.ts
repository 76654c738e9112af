/** A QR code in half blocks. A file of its own, because only one command needs the encoder. */
import { encodeQR } from "qr";

/** Light cells around the code, without which readers do not find it. */
const BORDER = 2;

/** By what the upper and the lower cell are: dark or light. */
const BLOCKS = { dark: { dark: " ", light: "▄" }, light: { dark: "▀", light: "█" } };

/**
 * Two rows of cells in each line, light cells drawn: on a dark terminal they are light as they stand. With colour they are white
 * on black everywhere.
 */
export function qrCode(text: string, colour: boolean): string {
  const rows = encodeQR(text, "raw", { ecc: "low", border: BORDER });
  const shade = (y: number, x: number): "dark" | "light" => (rows[y]?.[x] === true ? "dark" : "light");
  const lines: string[] = [];
  for (let y = 0; y < rows.length; y += 2) {
    const line = (rows[y] ?? []).map((_, x) => BLOCKS[shade(y, x)][shade(y + 1, x)]).join("");
    lines.push(colour ? `\x1b[38;5;231;48;5;16m${line}\x1b[0m` : line);
  }
  return `${lines.join("\n")}\n`;
}
