// The list of calls. Rows are kept by call: a new call is put in front of the others, and nothing else moves.
import { ask, shownWhile } from "../shared/ask.js";
import { byId, make, reconcile } from "../shared/dom.js";
import { clock, counted, milliseconds, named, timeOfDay, visible, when } from "../shared/format.js";
import { endClass, endName, lookupName, tagged, transferClass } from "./words.js";

const [SLOW_MS, SLOW_ANSWER_MS] = [1500, 3000];
const PAGE = 50;

/** @typedef {import("./types").Row} Row */
/** @typedef {import("./types").Page} Page */
/** @typedef {import("./types").Status} Status */

export class ListView {
  #body = byId("rows", HTMLTableSectionElement);
  #more = byId("more", HTMLButtonElement);
  #query = "";
  #next = "";
  /** @type {Row[]} */
  #calls = [];

  constructor() {
    this.#more.addEventListener("click", () => this.#showMore());
  }

  /** How many rows are shown: to be put back by Back. */
  get rows() {
    return this.#calls.length;
  }

  /**
   * @param {URLSearchParams} filters @param {Status} status @param {number} rows to show at least
   * @param {() => boolean} isCurrent whether the answer is still wanted when it is there
   */
  async show(filters, status, rows, isCurrent) {
    document.title = "Calls";
    const query = String(filters);
    const wanted = Math.max(rows, query === this.#query ? this.#calls.length : 0);
    let page = /** @type {Page} */ (await shownWhile(byId("list"), ask(`calls?${query}`)));
    const total = page.total ?? 0;
    const calls = page.calls;
    while (page.next && calls.length < wanted) {
      page = await ask(`calls?${query}&cursor=${encodeURIComponent(page.next)}`);
      calls.push(...page.calls);
    }
    if (!isCurrent()) return;
    this.#query = query;
    this.#next = page.next;
    this.#calls = calls;
    this.#draw();
    byId("found").textContent = counted(total, "call");
    for (const kind of ["jsonl", "csv"]) {
      byId(`export-${kind}`, HTMLAnchorElement).href = `api/export.${kind}?${query}`;
    }
    const none = byId("none");
    none.hidden = calls.length > 0;
    none.textContent = query
      ? "No call matches these filters."
      : status.busy
        ? "The first calls are being read…"
        : "There are no calls in this store yet. A first one: make softphone, or make demo.";
    byId("table").hidden = !calls.length;
  }

  async #showMore() {
    const page = /** @type {Page} */ (
      await shownWhile(byId("list"), ask(`calls?${this.#query}&cursor=${encodeURIComponent(this.#next)}`))
    );
    const first = this.#calls.length;
    this.#calls.push(...page.calls);
    this.#next = page.next;
    this.#draw();
    this.#body.rows[first]?.querySelector("a")?.focus({ preventScroll: true });
  }

  #draw() {
    reconcile(this.#body, this.#calls, (call) => call.call_sid, rowOf, updated);
    this.#more.hidden = !this.#next;
  }
}

export { PAGE };

/** @param {Row} call */
function rowOf(call) {
  const row = make("tr", { role: "row" });
  row.append(...cells(call));
  row.dataset.shown = JSON.stringify(call);
  return row;
}

/** The link stays the same node, since it may have the focus. @param {HTMLElement} row @param {Row} call */
function updated(row, call) {
  const shown = JSON.stringify(call);
  if (row.dataset.shown === shown) return;
  row.dataset.shown = shown;
  const [first, ...others] = cells(call);
  const link = row.querySelector("a");
  if (link && first) link.textContent = first.textContent;
  while (row.children.length > 1) row.lastElementChild?.remove();
  row.append(...others);
}

/** @param {Row} call */
function cells(call) {
  /** @param {string} className @param {...import("../shared/dom.js").Child} content */
  const cell = (className, ...content) => make("td", { role: "cell", class: className }, ...content);
  const about = call.problem
    ? [visible(call.problem)]
    : [
        call.why ? make("span", { class: "why" }, visible(call.why)) : "",
        make("bdi", {}, visible(call.title)),
        ...(call.tags ? call.tags.split("\n") : []).flatMap((tag) => [" ", tagged("span", tag)]),
      ];
  return [
    cell("when", make("a", { href: `#/calls/${encodeURIComponent(call.call_sid)}` }, when(call.started))),
    cell("caller", call.problem ? "" : make("bdi", {}, call.caller)),
    cell("agent", make("bdi", {}, visible(call.agent))),
    cell(call.problem ? "about damaged" : "about", ...about),
    cell("number", call.duration_s ? clock(call.duration_s) : ""),
    cell("end", call.problem ? "" : make("span", { class: endClass(call.end_reason) }, endName(call.end_reason))),
    cell("transfer", call.transfer ? make("span", { class: transferClass(call.transfer) }, transferText(call)) : ""),
    cell("notes faint", notes(call).join(", ")),
  ];
}

/** @param {Row} call */
function transferText(call) {
  const waits = call.waiting_since && Date.now() / 1000 - call.waiting_since < 3600;
  return waits ? `waiting since ${timeOfDay(call.waiting_since)}` : named(call.transfer);
}

/** @param {Row} call @returns {string[]} */
function notes(call) {
  return [
    call.failovers ? (call.failovers === 1 ? "another agent took over" : `${call.failovers} failovers`) : "",
    call.interruptions ? `${call.interruptions} interrupted` : "",
    call.gaps ? counted(call.gaps, "hole") : "",
    (call.first_audio_ms ?? 0) > SLOW_MS ? `first words heard after ${milliseconds(call.first_audio_ms ?? 0)}` : "",
    (call.answer_ms ?? 0) > SLOW_ANSWER_MS ? `answers after ${milliseconds(call.answer_ms ?? 0)}` : "",
    call.success === "failure" ? "not successful" : "",
    call.lookup && call.lookup !== "ok" ? `look-up: ${lookupName(call.lookup)}` : "",
  ].filter(Boolean);
}
