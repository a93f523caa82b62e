// What an answer means, in words.

const known = new Map(); // code → what the language is called
const format = (type) => (codes) =>
  new Intl.ListFormat("en-GB", { type }).format(codes.map(language));
const MOST_IN_HEADLINE = 4; // languages

export const either = format("disjunction");
const both = format("conjunction");

const UNKNOWN = {
  unfamiliar_spelling: ["Looks like no name", "No name that the model has learned is spelt like this."],
  mixed_scripts: ["Mixes scripts", "No name that the model has learned mixes letters of these scripts."],
  unreadable_script: ["In a script it cannot read", "No letter is of a script that the model has learned."],
};

/** Remembers what languages are called. */
export function learn(languages) {
  for (const { code, language } of languages) known.set(code, language);
}

export const language = (code) => known.get(code) ?? code;

export const count = (n, thing) => `${n.toLocaleString("en-GB")} ${thing}${n === 1 ? "" : "s"}`;

/** A share as people read it; never "100 %" or "0 %" of what is not quite. */
export function percent(share) {
  if (share > 0 && share < 0.001) return "<0.1\u202f%";
  if (share < 1 && share > 0.999) return ">99.9\u202f%";
  return `${(100 * share).toFixed(1)}\u202f%`;
}

/** How far an answer can be relied on: a headline and a sentence. */
export function verdict({ verdict, reason, set }) {
  if (verdict === "unknown") {
    const [headline, why] = UNKNOWN[reason];
    return [headline, `${why} The bars show what it would be if it were a name.`];
  }
  const languages = either(set);
  if (verdict === "confident") {
    return [languages, "The set that holds the true language nine times out of ten is just this one."];
  }
  const but = "the name alone does not say which.";
  if (set.length > MOST_IN_HEADLINE) {
    return [`One of ${set.length} languages`, `Nine times out of ten it is ${languages}; ${but}`];
  }
  return [oneOf(set), `Nine times out of ten the true language is one of these; ${but}`];
}

const oneOf = (set) => (set.length > 2 ? `One of ${either(set)}` : either(set));

/** The same for a row of a table. */
export function brief({ verdict, set, error }) {
  if (error) return `Cannot be read: expected ${error.expected}`;
  return verdict === "unknown" ? "–" : oneOf(set);
}

export const familiarity = (share) => `${percent(share)} of real names look stranger.`;

/** On which training lists a name stands. */
export function lists(onLists) {
  if (!onLists) return "This model keeps no list of the names that it learned from.";
  const codes = Object.keys(onLists);
  return codes.length
    ? `On the training lists of ${both(codes)}.`
    : "On no training list: the answer rests on the spelling alone.";
}

/** What is wrong with a question. */
export const refusal = ({ errors, message }) =>
  errors?.map(({ field, expected }) => `The ${field} cannot be read: expected ${expected}.`).join(" ") ||
  message;
