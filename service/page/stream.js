// The picture of a trace: bands of languages that widen and narrow from letter to letter.

import { s } from "./dom.js";
import { language } from "./words.js";

const FLAT = 0.22; // of a column on either side of its middle, where a band is exactly its share wide
const LINE = 16; // px of a band that can hold its language's name
const LETTER = 7.6; // px, about, of a letter of it

/**
 * The stream of `steps`. Over each letter a band is as wide as its language was probable there;
 * between letters it only leads the eye. `mirrored` runs it from right to left.
 */
export function stream(steps, palette, size) {
  const { width, height, column, gutter, mirrored, veiled } = size;
  const plot = { ...size, x: (position) => (mirrored ? width - position : position) };
  const bands = stack(steps);
  const paths = bands.map(({ code, edges }) =>
    s("path", { class: `band ${palette.of(code)}`, "data-code": code, d: outline(edges, plot) }),
  );
  const columns = steps.map((_, t) => {
    const x = plot.x((t + 0.5) * column);
    return s("line", { class: "column", x1: x, x2: x, y1: 0, y2: height });
  });
  const veil = veiled ? hatching(mirrored ? gutter : 0, width - gutter, height) : [];
  const labels = bands.flatMap(({ code, edges }) => label(code, edges, plot));
  const parts = [...paths, ...columns, ...veil, ...labels];
  return s("svg", { class: "stream", width, height, "aria-hidden": true }, ...parts);
}

/** Each band's lower and upper edge at each step, as shares; the answer's first language at the bottom. */
function stack(steps) {
  const base = steps.map(() => 0);
  return [...steps[0].codes, "rest"].map((code, k) => ({
    code,
    edges: steps.map(({ shares }, t) => [base[t], (base[t] += shares[k])]),
  }));
}

function outline(edges, plot) {
  const lower = corners(edges.map(([low]) => low), plot);
  const upper = corners(edges.map(([, high]) => high), plot);
  return `M${line(lower)}L${line(upper.reverse())}Z`;
}

/** The two ends of an edge's flat piece over each letter. */
function corners(shares, { column, height, x }) {
  const last = shares.length - 1;
  return shares.flatMap((share, t) => {
    const from = t === 0 ? 0 : t + 0.5 - FLAT;
    const to = t === last ? t + 1 : t + 0.5 + FLAT;
    const y = (height * (1 - share)).toFixed(1);
    return [from, to].map((position) => [x(position * column).toFixed(1), y]);
  });
}

/** Flat over letters, bent between them. */
function line(points) {
  return points.map(([x, y], i) => {
    if (i === 0) return `${x},${y}`;
    if (i % 2) return `H${x}`;
    const [before, from] = points[i - 1];
    const middle = (Number(before) + Number(x)) / 2;
    return `C${middle},${from} ${middle},${y} ${x},${y}`;
  }).join("");
}

/** The language's name beside the end where there is room, else in the band where it fits. */
function label(code, edges, plot) {
  const { column, height, gutter, width, mirrored, x } = plot;
  const text = code === "rest" ? "others" : language(code);
  const y = ([low, high]) => height * (1 - (low + high) / 2);
  const put = (position, edge, anchor, kind) =>
    s("text", { class: `label ${kind}`, x: x(position), y: y(edge), "text-anchor": anchor }, text);
  const end = edges.at(-1);
  if (gutter && (end[1] - end[0]) * height >= LINE) {
    return put(width - gutter + 8, end, mirrored ? "end" : "start", "");
  }
  const reach = (text.length * LETTER) / 2;
  const centre = (t) => Math.min(Math.max((t + 0.5) * column, reach + 4), width - gutter - reach - 4);
  const [best] = edges
    .map((edge, t) => ({ edge, place: centre(t), thick: edge[1] - edge[0] }))
    .filter(({ edge, place }) => fits(edges, edge, [place - reach, place, place + reach], plot))
    .sort((a, b) => b.thick - a.thick);
  return best ? put(best.place, best.edge, "middle", code === "rest" ? "" : "on-band") : [];
}

/** Whether a band covers a line of text in the middle of an edge at all of these places. */
function fits(edges, edge, places, { column, height }) {
  const middle = (edge[0] + edge[1]) / 2;
  const half = LINE / 2 / height;
  return places.every((place) => {
    const [low, high] = [0, 1].map((side) => between(edges, side, place / column - 0.5));
    return low <= middle - half && middle + half <= high;
  });
}

/** An edge's height at a place between letters, about as it is drawn. */
function between(edges, side, place) {
  const t = Math.max(0, Math.min(Math.floor(place), edges.length - 1));
  const next = Math.min(t + 1, edges.length - 1);
  const way = Math.max(0, Math.min((place - t - FLAT) / (1 - 2 * FLAT), 1));
  return edges[t][side] + (edges[next][side] - edges[t][side]) * way * way * (3 - 2 * way);
}

/** Over a stream that belongs to no name. */
function hatching(x, width, height) {
  const tile = { width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" };
  const pattern = s("pattern", { id: "hatch", ...tile }, s("line", { class: "hatch", y2: 7 }));
  return [pattern, s("rect", { x, width, height, fill: "url(#hatch)" })];
}
