// What a list is made of: a bar for each language, with the interval of its share.

import { ask } from "./api.js";
import { $, h, row } from "./dom.js";
import { count, learn, percent, refusal } from "./words.js";

const MOST_NAMES = 10_000; // that the service takes
const MOST = 12; // languages
const LEAST = 0.005; // smaller shares are summed up

export async function showComposition(names, signal) {
  $("composition").hidden = false;
  $("composition-rows").replaceChildren();
  try {
    const answer = await ask("/v1/composition", { names: names.slice(0, MOST_NAMES) }, signal);
    show(answer, names.length > MOST_NAMES);
  } catch (error) {
    signal.throwIfAborted();
    $("composition-note").textContent = refusal(error);
  }
}

function show(answer, cut) {
  learn(answer.languages);
  const large = answer.languages.filter(({ share }, i) => i < MOST && share >= LEAST);
  const longest = Math.max(...large.map(({ high }) => high));
  $("composition-rows").replaceChildren(...large.map((line) => asRow(line, longest)));
  $("composition-note").textContent = describe(answer, large, cut);
}

function asRow({ language, share, low, high }, longest) {
  const [of, from, to] = [share, low, high].map((value) => `${(100 * value) / longest}%`);
  const parts = [h("span", { class: "fill slot-1" }), h("span", { class: "whisker" })];
  const picture = h("span", { class: "interval", "--share": of, "--low": from, "--high": to }, ...parts);
  return row(language, picture, h("b", {}, percent(share)), `${percent(low)} – ${percent(high)}`);
}

function describe({ names, unknown, unreadable, confidence }, large, cut) {
  const rest = large.reduce((left, { share }) => left - share, 1);
  return [
    `Estimated from ${count(names, "name")}, corrected for what the model is known to confuse.`,
    `The whiskers hold the true share ${Math.round(100 * confidence)} times out of 100.`,
    rest > 0.0005 && `All other languages together: ${percent(rest)}.`,
    unknown && `${count(unknown, "name")} left out as unknown.`,
    unreadable && `${count(unreadable, "name")} left out as unreadable.`,
    cut && `Only the first ${count(MOST_NAMES, "name")} are counted here.`,
  ].filter(Boolean).join(" ");
}
