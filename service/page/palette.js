// Which languages get a colour; one keeps its colour for as long as it stays in the picture.

const SLOTS = 7; // as many as people with any colour vision tell apart; see style.css

/** The languages worth a colour, the answer's first; what was probable on the way counts half. */
export function protagonists({ languages, trace }) {
  const worth = new Map();
  const count = (weight) => ({ code, probability }) =>
    worth.set(code, Math.max(worth.get(code) ?? 0, weight * probability));
  languages.forEach(count(1));
  for (const step of trace) step.languages.forEach(count(0.5));
  const most = [...worth.keys()].sort((a, b) => worth.get(b) - worth.get(a)).slice(0, SLOTS);
  const rank = (code) => languages.findIndex((line) => line.code === code) + 1 || languages.length + 1;
  return most.sort((a, b) => rank(a) - rank(b));
}

export class Palette {
  #slots = new Map();

  /** Gives each of at most SLOTS codes a slot (1 to SLOTS), those that had one the same. */
  assign(codes) {
    const kept = new Map([...this.#slots].filter(([code]) => codes.includes(code)));
    const taken = [...kept.values()];
    const free = Array.from({ length: SLOTS }, (_, i) => i + 1).filter((slot) => !taken.includes(slot));
    for (const code of codes) if (!kept.has(code)) kept.set(code, free.shift());
    this.#slots = kept;
  }

  /** The class that colours a language: grey for those without a slot. */
  of(code) {
    return `slot-${this.#slots.get(code) ?? 0}`;
  }
}
