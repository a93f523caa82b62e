// Reads a pasted or dropped list: plain lines, CSV or TSV.

const DELIMITERS = ["\t", ",", ";"];
const SAMPLE = 200; // lines that decide which delimiter it is
const AGREE = 0.8; // of them must have equally many cells
const LINE_END = /\r\n|\n|\r/;
const TITLES = [
  /^((sur|last|family)[ _-]?name|(nach|familien)name|apellidos?|cognome|nazwisko|фамилия|soyadı?|姓)$/iu,
  /^((full[ _-]?)?names?|nom|nombre|имя|氏名|名前)$/iu,
];

/** The list as rows of cells; which column holds the names, and whether titles stand on top. */
export function readColumns(text) {
  const delimiter = delimiterOf(text);
  const lines = delimiter ? cells(text, delimiter) : text.split(LINE_END).map((line) => [line.trim()]);
  const rows = lines.filter((row) => row.some(Boolean));
  const width = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const places = TITLES.map((title) => rows[0]?.findIndex((cell) => title.test(cell)));
  const titled = places.find((place) => place >= 0);
  return { rows, width, titles: titled !== undefined, column: titled ?? 0 };
}

/** The delimiter that cuts most lines into equally many cells; none for a plain list. */
function delimiterOf(text) {
  const sample = text.split(LINE_END, SAMPLE).filter((line) => line.trim()).join("\n");
  return DELIMITERS.find((delimiter) => {
    const widths = cells(sample, delimiter).map((row) => row.length);
    const alike = widths.filter((width) => width === widths[0]);
    return widths[0] > 1 && alike.length >= AGREE * widths.length;
  });
}

/** Cells as RFC 4180 quotes them: in quotes delimiters, line breaks and doubled quotes are text. */
function cells(text, delimiter) {
  const plain = `[^${delimiter}\r\n]*`;
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|(${plain}))${plain}(${delimiter}|\r\n|\n|\r|$)`, "y");
  const rows = [[]];
  for (let end; end !== "";) {
    const [, quoted, bare, mark] = cell.exec(text);
    rows.at(-1).push((quoted?.replaceAll('""', '"') ?? bare).trim());
    end = mark;
    if (end && end !== delimiter) rows.push([]);
  }
  return rows;
}

/** A file's text: UTF-8, or UTF-16 with its mark, else what Western spreadsheets write, as a guess. */
export async function readText(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const encoding = { 0xff: "utf-16le", 0xfe: "utf-16be" }[bytes[0]] ?? "utf-8";
  try {
    return { text: new TextDecoder(encoding, { fatal: true }).decode(bytes) };
  } catch {
    return { text: new TextDecoder("windows-1252").decode(bytes), guessed: true };
  }
}
