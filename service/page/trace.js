// The trace: how each letter moved the answer. A stream over letters that can be pointed at.

import { $, h, name, row } from "./dom.js";
import { stream } from "./stream.js";
import { language, percent } from "./words.js";

const NARROW = 560; // px; below it the names of languages stand inside the stream
const GUTTER = 96; // px for their names beside it
const LEAST_COLUMN = 24; // px a letter; longer names scroll
const RIGHT_TO_LEFT = /^\P{L}*[\p{sc=Arabic}\p{sc=Hebrew}]/u;

const scroller = $("trace");

let answer = null;
let palette = null;
let steps = [];
let chosen = 0; // the step that is told of unless another one is pointed at

export function start() {
  scroller.addEventListener("pointermove", point);
  scroller.addEventListener("pointerleave", () => select(chosen));
  addEventListener("resize", () => answer && draw());
}

export function showTrace(given, codes, colours) {
  [answer, palette] = [given, colours];
  steps = readSteps(answer.trace, codes);
  chosen = steps.length - 1;
  draw();
  const titles = ["Read", ...codes.map(language), "Others"];
  const rows = steps.map(({ title, shares }) => row(title(), ...shares.map(percent)));
  $("trace-titles").replaceChildren(...titles.map((title) => h("th", {}, title)));
  $("trace-rows").replaceChildren(...rows);
}

/** Steps with the share of each language that has a colour, and of the rest. */
function readSteps(trace, codes) {
  let prefix = "";
  return trace.map(({ symbol, grams, languages }) => {
    prefix += symbol.replace(/^◌/, "");
    const read = prefix.normalize("NFC");
    const probabilities = new Map(languages.map(({ code, probability }) => [code, probability]));
    const shares = codes.map((code) => probabilities.get(code) ?? 0);
    const rest = shares.reduce((left, share) => left - share, 1);
    const title = () => h("span", {}, "After ", name(read));
    return { symbol, grams, languages, title, codes, shares: [...shares, Math.max(0, rest)] };
  });
}

function draw() {
  const room = $("trace-part").clientWidth;
  const narrow = room < NARROW;
  const gutter = narrow ? 0 : GUTTER;
  const width = Math.max(room, steps.length * LEAST_COLUMN + gutter);
  const mirrored = RIGHT_TO_LEFT.test(answer.name);
  const size = {
    width,
    height: narrow ? 210 : 280,
    gutter,
    column: (width - gutter) / steps.length,
    mirrored,
    veiled: answer.verdict === "unknown",
  };
  const letters = h(
    "div",
    { class: "letters", role: "toolbar", "aria-label": "Letters of the name", dir: mirrored ? "rtl" : "ltr" },
    ...steps.map(letter),
  );
  letters.addEventListener("keydown", (event) => move(event, mirrored));
  const focused = scroller.contains(document.activeElement);
  const canvas = { class: "canvas", "--width": `${width}px`, "--gutter": `${gutter}px` };
  scroller.replaceChildren(h("div", canvas, stream(steps, palette, size), letters));
  scroller.scrollLeft = mirrored ? 0 : width; // to the letter that was typed last
  select(chosen);
  if (focused) scroller.querySelector("[aria-pressed=true]").focus();
}

function letter({ symbol, languages }, t) {
  const first = languages.slice(0, 3).map(inWords).join(", ");
  const pin = () => select((chosen = t));
  return h("button", { "aria-label": `${symbol}: ${first}`, onclick: pin, onfocus: pin }, symbol);
}

function move(event, mirrored) {
  const ahead = mirrored ? -1 : 1;
  const last = steps.length - 1;
  const to = { ArrowRight: chosen + ahead, ArrowLeft: chosen - ahead, Home: 0, End: last }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  event.currentTarget.children[Math.max(0, Math.min(to, last))].focus();
}

const letters = () => [...scroller.querySelectorAll(".letters button")];

function point({ clientX }) {
  const t = letters().findIndex((letter) => {
    const { left, right } = letter.getBoundingClientRect();
    return left <= clientX && clientX < right;
  });
  if (t >= 0) select(t);
}

function select(t) {
  const columns = scroller.querySelectorAll(".column");
  letters().forEach((letter, i) => {
    letter.setAttribute("aria-pressed", i === t);
    letter.tabIndex = i === t ? 0 : -1;
    columns[i].classList.toggle("selected", i === t && t !== chosen);
  });
  const { title, languages, grams } = steps[t];
  $("step").replaceChildren(title());
  $("step-shares").replaceChildren(...languages.slice(0, 4).map(share));
  $("step-grams").replaceChildren(...grams.map(gram));
}

const inWords = ({ code, probability }) => `${language(code)} ${percent(probability)}`;

const share = (line) =>
  h("li", {}, h("span", { class: `swatch ${palette.of(line.code)}` }), inWords(line));

const gram = ({ text, push: [{ code, logit }] }) =>
  h("li", {}, name(text), ` → ${language(code)} +${logit.toFixed(1)}`);
