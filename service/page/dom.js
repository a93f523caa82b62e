// Small helpers to build the page. Text always goes in as text nodes, never as markup.

export const $ = (id) => document.getElementById(id);

/** An HTML element: `h("p", { class: "note" }, "text", child)`; `onclick` and the like listen. */
export const h = (tag, attributes, ...children) =>
  dress(document.createElement(tag), attributes, children);

/** The same for SVG. */
export const s = (tag, attributes, ...children) =>
  dress(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

function dress(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    // The Content-Security-Policy forbids a style attribute, but no property that is set here.
    else if (key.startsWith("--")) element.style.setProperty(key, value);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** A name in whatever script, kept from reordering the text around it. */
export const name = (text) => h("bdi", { translate: "no" }, text);

/** A row of a table: what it is about, and its cells. */
export const row = (head, ...cells) =>
  h("tr", {}, h("th", { scope: "row" }, head), ...cells.map((cell) => h("td", {}, ...[cell].flat())));

/** A small bar before a figure. */
export const meter = (share, text) => [h("span", { class: "meter", "--share": share }), text];
