// One name: what the service says of it while it is typed.

import { ask } from "./api.js";
import { $, h, name } from "./dom.js";
import { Palette, protagonists } from "./palette.js";
import { showTrace } from "./trace.js";
import { familiarity, language, learn, lists, percent, refusal, verdict } from "./words.js";

const QUIET = 900; // ms without typing before a screen reader is told
const SLOW = 300; // ms after which an answer to an earlier spelling is shown as such
const BARS = 8;
const OPTIONS = { threshold: 0.001, neighbours: 12 };

const input = $("name");
const palette = new Palette();
const bars = new Map(); // code → row, kept so that bars move and do not blink

let question = new AbortController();
let announcement;

export function start() {
  input.addEventListener("input", read);
  for (const example of $("examples").children) {
    example.addEventListener("click", () => type(example.textContent));
  }
  for (const event of ["pointerover", "pointerleave", "focusin", "focusout"]) {
    $("answer").addEventListener(event, spotlight);
  }
  if (matchMedia("(pointer: fine)").matches) input.focus();
  read();
}

function type(text) {
  palette.assign([]);
  input.value = text;
  input.focus();
  read();
}

/** Asks about the name as it stands now; what was asked before is of no interest any more. */
async function read() {
  question.abort();
  clearTimeout(announcement);
  if (!input.value.trim()) return clear();
  question = new AbortController();
  const { signal } = question;
  const slow = setTimeout(() => $("answer").classList.add("outdated"), SLOW);
  signal.addEventListener("abort", () => clearTimeout(slow));
  try {
    show(await ask("/v1/explain", { name: input.value, ...OPTIONS }, signal));
  } catch (error) {
    if (signal.aborted) return;
    $("refusal").textContent = refusal(error);
    present("refusal");
  } finally {
    clearTimeout(slow);
  }
}

function clear() {
  palette.assign([]);
  present("welcome");
}

/** Of welcome, answer and refusal one is on the page. */
function present(id) {
  for (const part of ["welcome", "answer", "refusal"]) $(part).hidden = part !== id;
  $("answer").classList.remove("outdated");
}

function show(answer) {
  for (const { languages } of [answer, ...answer.trace]) learn(languages);
  const codes = protagonists(answer);
  const [headline, note] = verdict(answer);
  palette.assign(codes);
  present("answer");
  for (const part of ["answer", "mark"]) $(part).dataset.verdict = answer.verdict;
  $("verdict").textContent = answer.verdict;
  $("headline").textContent = headline;
  $("verdict-note").textContent = note;
  showBars(answer);
  showTrace(answer, codes, palette);
  showEvidence(answer);
  announcement = setTimeout(() => {
    $("announcement").replaceChildren(name(answer.name), `: ${answer.verdict}. ${headline}. ${note}`);
  }, QUIET);
}

function showBars({ verdict, set, languages }) {
  const known = verdict !== "unknown";
  const shown = languages.slice(0, Math.max(BARS, set.length));
  const before = new Map([...bars].map(([code, bar]) => [code, bar.offsetTop]));
  for (const { code, probability } of shown) {
    if (!bars.has(code)) bars.set(code, newBar(code));
    const bar = bars.get(code);
    bar.className = known && set.includes(code) ? "bar within" : "bar";
    const fill = bar.querySelector(".fill");
    fill.className = `fill ${palette.of(code)}`;
    fill.style.setProperty("--share", probability);
    bar.lastChild.textContent = percent(probability);
  }
  $("bars").replaceChildren(...shown.map(({ code }) => bars.get(code)));
  for (const { code } of shown) glide(bars.get(code), before.get(code));
  const rest = shown.reduce((left, { probability }) => left - probability, 1);
  $("bars-title").textContent = known ? "How probable each language is" : "If it were a name";
  const bold = known && set.length > 1 ? " Bold: the set." : "";
  $("bars-note").textContent = `All others together: ${percent(Math.max(0, rest))}.${bold}`;
}

function newBar(code) {
  const track = h("span", { class: "track" }, h("span", { class: "fill" }));
  return h("li", { "data-code": code }, h("span", {}, language(code)), track, h("span", {}));
}

/** A row that changed places slides there. */
function glide(bar, before) {
  const moved = before ? before - bar.offsetTop : 0;
  if (!moved || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  bar.animate({ translate: [`0 ${moved}px`, "0 0"] }, { duration: 220, easing: "ease-out" });
}

function showEvidence(answer) {
  $("lists").textContent = lists(answer.on_lists);
  $("familiarity").textContent = familiarity(answer.familiarity);
  $("nearest-part").hidden = !answer.nearest?.length;
  $("neighbour").textContent = "Point at a name to see what it is known as.";
  $("nearest").replaceChildren(...(answer.nearest ?? []).map(neighbour));
}

function neighbour({ name: known, similarity, languages }) {
  const codes = Object.keys(languages);
  const records = codes.map((code) => `${language(code)} ${languages[code]} ×`).join(", ");
  const told = `on the lists as ${records}; similarity ${similarity.toFixed(2)}`;
  const tell = () => $("neighbour").replaceChildren(name(known), `: ${told}`);
  const button = h(
    "button",
    { "aria-label": `${known}: ${told}`, onclick: () => type(known), onfocus: tell, onpointerenter: tell },
    h("span", { class: `swatch ${palette.of(codes[0])}` }),
    name(known),
  );
  return h("li", { "data-code": codes.join(" ") }, button);
}

/** Pointing at a language, or at a name that has one, picks out all that is of this language. */
function spotlight({ type, target }) {
  const over = type === "pointerover" || type === "focusin" ? target.closest("[data-code]") : null;
  const codes = over?.dataset.code.split(" ");
  for (const part of $("answer").querySelectorAll("[data-code]")) {
    const apart = codes && !part.dataset.code.split(" ").some((code) => codes.includes(code));
    part.classList.toggle("dimmed", Boolean(apart));
  }
}
