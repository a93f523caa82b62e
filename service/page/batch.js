// A list of names: read, classified in chunks, shown page by page, and what it is made of.

import { ask } from "./api.js";
import { readColumns, readText } from "./columns.js";
import { showComposition } from "./composition.js";
import { $, h, meter, name, row } from "./dom.js";
import { asCsv, download } from "./export.js";
import { brief, count, learn, percent, refusal } from "./words.js";

const CHUNK = 1000; // names in one question: small enough for progress, large enough for speed
const PAGE = 50; // rows on the page at a time
const PAUSE = 150; // ms without typing before a list is read
const KINDS = ["all", "confident", "ambiguous", "unknown", "unreadable"];

const area = $("list-area");
const text = $("list-text");

let list = readColumns("");
let results = [];
let kind = "all";
let page = 0;
let run = new AbortController();

export function start() {
  let typing;
  text.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => take(text.value), PAUSE);
  });
  for (const event of ["dragover", "dragleave", "drop"]) area.addEventListener(event, drag);
  $("list-file").addEventListener("change", ({ target }) => open(target.files[0]));
  $("list-column").addEventListener("change", preview);
  $("list-titles").addEventListener("change", preview);
  $("list-run").addEventListener("click", classify);
  $("list-cancel").addEventListener("click", () => run.abort());
  $("list-download").addEventListener("click", () => download(asCsv(results), "namelang.csv"));
  $("previous").addEventListener("click", () => turn(page - 1));
  $("next").addEventListener("click", () => turn(page + 1));
}

function drag(event) {
  event.preventDefault();
  area.classList.toggle("dropping", event.type === "dragover");
  if (event.type !== "drop") return;
  text.value = event.dataTransfer.getData("text");
  if (text.value) take(text.value);
  else open(event.dataTransfer.files[0]);
}

/** A file is not put into the text area, which would be slow to edit. */
async function open(file) {
  try {
    const { text: content, guessed } = await readText(file);
    text.value = "";
    take(content);
    say(guessed ? "Not UTF-8; read as Windows-1252. Are the accents right?" : file.name);
  } catch (error) {
    say(`The file cannot be read: ${error.message}`);
  }
}

function take(content) {
  list = readColumns(content);
  say("");
  const titles = Array.from({ length: list.width }, (_, i) => list.rows[0][i] || `column ${i + 1}`);
  $("list-column").replaceChildren(...titles.map((title, i) => h("option", { value: i }, title)));
  $("list-column").selectedIndex = list.column;
  $("list-titles").checked = list.titles;
  $("list-columns").hidden = list.width < 2;
  preview();
}

function names() {
  const rows = $("list-titles").checked ? list.rows.slice(1) : list.rows;
  return rows.map((row) => row[$("list-column").selectedIndex]).filter(Boolean);
}

function preview() {
  const found = names();
  const some = found.slice(0, 3).flatMap((one) => [" · ", name(one)]);
  $("list-preview").replaceChildren(count(found.length, "name"), ...some);
  $("list-run").disabled = !found.length;
}

const say = (sentence) => ($("list-message").textContent = sentence);

async function classify() {
  const asked = names();
  run = new AbortController();
  [results, kind, page] = [[], "all", 0];
  say("");
  $("composition").hidden = true;
  running(true);
  try {
    for (let i = 0; i < asked.length; i += CHUNK) {
      progress(i, asked.length);
      const chunk = asked.slice(i, i + CHUNK);
      const answer = await ask("/v1/classify_batch", { names: chunk, top_k: 3 }, run.signal);
      results.push(...answer.results.map((result, k) => keep(result, chunk[k], answer.model)));
      turn(page);
    }
    progress(asked.length, asked.length);
    await showComposition(asked, run.signal);
    say(`Done: ${count(asked.length, "name")}.`);
  } catch (error) {
    const why = run.signal.aborted ? "Cancelled." : refusal(error);
    say(`${why} Done so far: ${count(results.length, "name")} of ${asked.length}.`);
  }
  running(false);
}

/** Of each result only what the table and the file need. */
function keep(result, sent, model) {
  const { verdict = "unreadable", set = [], languages = [] } = result;
  learn(languages);
  const best = verdict === "unknown" ? undefined : languages[0];
  return { name: sent, verdict, best, set, model, answer: brief(result) };
}

function running(on) {
  $("list-progress").hidden = !on;
  $("list-run").disabled = on;
  $("list-download").disabled = on || !results.length;
}

function progress(done, total) {
  $("list-bar").value = done / total;
  $("list-done").textContent = `${done} of ${count(total, "name")}`;
}

const ofKind = (wanted) => results.filter(({ verdict }) => wanted === "all" || verdict === wanted);

/** Shows a page of the results, or the last one there is. */
function turn(to) {
  const rows = ofKind(kind);
  const last = Math.max(0, Math.ceil(rows.length / PAGE) - 1);
  page = Math.max(0, Math.min(to, last));
  const part = rows.slice(page * PAGE, (page + 1) * PAGE);
  $("results").hidden = false;
  $("kinds").replaceChildren(...KINDS.map(asButton));
  $("rows").replaceChildren(...part.map(asRow));
  $("pager").hidden = !last;
  $("page-number").textContent = `Page ${page + 1} of ${last + 1}`;
  $("previous").disabled = !page;
  $("next").disabled = page === last;
}

function asButton(one) {
  const pick = () => {
    kind = one;
    turn(0);
    $("kinds").querySelector("[aria-pressed=true]").focus();
  };
  const mark = one === "all" ? "" : h("span", { class: "mark", "data-verdict": one });
  const number = ofKind(one).length.toLocaleString("en-GB");
  return h("button", { "aria-pressed": one === kind, onclick: pick }, mark, `${one} ${number}`);
}

function asRow({ name: sent, verdict, best, answer }) {
  const mark = h("span", { class: "mark", "data-verdict": verdict });
  const probability = best ? meter(best.probability, percent(best.probability)) : "–";
  return row(name(sent), [mark, verdict], answer, probability);
}
