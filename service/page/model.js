// What model is running, and how good it is.

import { ask } from "./api.js";
import { $, h, meter, row, s } from "./dom.js";
import { count, learn, percent, refusal } from "./words.js";

const SIDE = 320; // of the calibration plot
const EDGE = 40; // of it, for the axes
const titles = document.querySelectorAll("#languages thead button");

let languages = [];
let by = "language";
let down = false;

export function start() {
  for (const title of titles) title.addEventListener("click", () => sort(title.value));
  return show();
}

export async function show() {
  try {
    const [list, model] = await Promise.all([ask("/v1/languages"), ask("/v1/model")]);
    learn(list.languages);
    languages = list.languages.map(({ language, names, test }) => ({ language, names, ...test }));
    showLanguages();
    showFacts(model);
    showQuality(model.metrics);
    $("model-message").textContent = "";
  } catch (error) {
    $("model-message").textContent = refusal(error);
  }
}

function showFacts({ model, created, promoted_at: promoted, data }) {
  const day = (time) => new Date(time).toLocaleDateString("en-GB", { dateStyle: "long" });
  const origins = data.origins?.map(({ name, version }) => `${name} ${version}`).join(", ");
  for (const tag of document.querySelectorAll(".tag")) tag.textContent = model;
  const facts = [
    `Knows ${count(languages.length, "language")}.`,
    created && `Trained on ${day(created)}.`,
    promoted && `In service since ${day(promoted)}.`,
    origins && `Learned from ${origins}.`,
  ];
  $("facts").textContent = facts.filter(Boolean).join(" ");
}

function showQuality({ test, baseline }) {
  $("calibration").hidden = !test?.reliability?.length;
  if (!test) {
    $("tested").textContent = "How good it is was never tested.";
    return;
  }
  const beside = baseline?.accuracy ? ` (naive Bayes: ${percent(baseline.accuracy)})` : "";
  const figures = {
    [`first answers that are right${beside}`]: percent(test.accuracy),
    "right language among the first three": percent(test.top3_accuracy),
    "F1, each language counted alike": test.macro_f1.toFixed(2),
    "gap between how sure and how often right": percent(test.ece),
  };
  const asFigure = ([what, value]) => h("div", {}, h("dt", {}, what), h("dd", {}, value));
  $("figures").replaceChildren(...Object.entries(figures).map(asFigure));
  $("tested").textContent = `On ${count(test.n, "name")} that training never saw:`;
  if (test.reliability?.length) showCalibration(test.reliability);
}

/** Words rise at first, numbers fall. */
function sort(column) {
  down = by === column ? !down : column !== "language";
  by = column;
  showLanguages();
}

function showLanguages() {
  const value = (line) => line[by] ?? -1;
  const compare = (a, b) => (by === "language" ? a[by].localeCompare(b[by]) : value(a) - value(b));
  languages.sort((a, b) => (down ? compare(b, a) : compare(a, b)));
  for (const title of titles) {
    const order = down ? "descending" : "ascending";
    title.parentElement.setAttribute("aria-sort", title.value === by ? order : "none");
  }
  $("language-rows").replaceChildren(...languages.map(asRow));
}

function asRow({ language, names, n, precision, recall, f1 }) {
  const share = (value) => value?.toFixed(2) ?? "–";
  const both = f1 === undefined ? "–" : meter(f1, share(f1));
  return row(language, names ?? "–", n ?? "–", share(precision), share(recall), both);
}

function showCalibration(bins) {
  const x = (share) => EDGE + share * (SIDE - EDGE - 10);
  const y = (share) => SIDE - x(share);
  const text = (attributes, content) => s("text", { "text-anchor": "middle", ...attributes }, content);
  const axes = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    s("path", { class: "grid", d: `M${x(0)},${y(share)}H${x(1)}M${x(share)},${y(0)}V${y(1)}` }),
    text({ x: x(share), y: y(0) + 16 }, 100 * share),
    text({ x: x(0) - 16, y: y(share) + 4 }, 100 * share),
  ]);
  const most = Math.max(...bins.map(({ n }) => n));
  const told = ({ n, confidence, accuracy }) =>
    `${percent(confidence)} sure, ${percent(accuracy)} right, ${count(n, "name")}`;
  const circles = bins.map((bin) => {
    const place = { cx: x(bin.confidence), cy: y(bin.accuracy), r: 3 + 9 * Math.sqrt(bin.n / most) };
    return s("circle", { class: "slot-1", ...place }, s("title", {}, told(bin)));
  });
  const plot = s(
    "svg",
    { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": bins.map(told).join("; ") },
    ...axes,
    text({ x: x(0.5), y: SIDE - 6 }, "how sure, %"),
    text({ x: -y(0.5), y: 10, transform: "rotate(-90)" }, "how often right, %"),
    s("path", { class: "ideal", d: `M${x(0)},${y(0)}L${x(1)},${y(1)}` }),
    ...circles,
  );
  $("calibration-plot").replaceChildren(plot);
}
