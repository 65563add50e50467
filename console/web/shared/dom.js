// Making elements and finding them. Text is never taken for markup.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {string | number | boolean | null | undefined | ((event: any) => void)} Attribute */

/**
 * `make("li", {class: "x", onclick}, "text", child)`; what is null, undefined, false or "" is left out.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, Attribute>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/**
 * The same for SVG.
 * @template {keyof SVGElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, Attribute>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[Name]}
 */
export function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

/**
 * @template {Element} Kind
 * @param {Kind} element
 * @param {Record<string, Attribute>} attributes
 * @param {(Child | Child[])[]} children
 * @returns {Kind}
 */
function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key.replace(/^on/, ""), value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...kept(children));
  return element;
}

/** @param {(Child | Child[])[]} children @returns {(Node | string)[]} */
function kept(children) {
  const found = [];
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false || child === "") continue;
    found.push(typeof child === "number" ? String(child) : child);
  }
  return found;
}

/**
 * An element of the page's own markup.
 * @template {HTMLElement} [Kind=HTMLElement]
 * @param {string} id
 * @param {new () => Kind} [kind]
 * @returns {Kind}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!found || (kind && !(found instanceof kind))) throw new Error(`#${id} is not in the page`);
  return /** @type {Kind} */ (found);
}

/**
 * Bring `parent`'s children in line with `items`, by key: nodes that stay are the same nodes, so that focus, selection
 * and place stay, too. Only what is new is made, and only what has gone is removed.
 * @template Item
 * @param {Element} parent
 * @param {Item[]} items
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => HTMLElement} made
 * @param {(node: HTMLElement, item: Item) => void} [updated]
 */
export function reconcile(parent, items, keyOf, made, updated) {
  const present = new Map([...parent.children].map((node) => [node.getAttribute("data-key") ?? "", node]));
  /** @type {Element | null} */
  let before = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let node = /** @type {HTMLElement | undefined} */ (present.get(key));
    present.delete(key);
    if (!node) {
      node = made(item);
      node.setAttribute("data-key", key);
    } else updated?.(node, item);
    if (node === before) before = before.nextElementSibling;
    else parent.insertBefore(node, before);
  }
  for (const node of present.values()) node.remove();
}

/** What runs `work` once it has not been called for `afterMs`. @param {() => void} work @param {number} afterMs */
export function settled(work, afterMs) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, afterMs);
  };
}
