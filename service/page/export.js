// Results as a CSV file.

import { language } from "./words.js";

const COLUMNS = ["name", "verdict", "language", "code", "probability", "set", "model"];
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/u; // a spreadsheet would run a cell that begins so

function cell(value) {
  const text = FORMULA.test(value) ? `'${value}` : String(value);
  return /["\r\n,;\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What is unknown gets no language, for the column of languages may be read without the verdicts. */
function record({ name, verdict, best, set, model }) {
  const answer = best ? [language(best.code), best.code, best.probability, set.join(" ")] : ["", "", "", ""];
  return [name, verdict, ...answer, model];
}

/** With the mark at the start without which spreadsheets do not see that it is UTF-8. */
export const asCsv = (results) =>
  ["\ufeff", ...[COLUMNS, ...results.map(record)].map((row) => `${row.map(cell).join(",")}\r\n`)].join("");

export function download(text, filename) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
