// The list of calls that go on. Rows are kept by call, so that a new one moves no focus.
import { byId, make, reconcile } from "../shared/dom.js";
import { clock, counted, milliseconds, timeOfDay, visible } from "../shared/format.js";

const SLOW_ANSWER_MS = 3000;

/** @typedef {import("./types").Row} Row */
/** @typedef {import("./types").Listing} Listing */

/** @param {Listing} listing */
export function showList(listing) {
  const { calls, now } = listing;
  const waiting = calls.filter((call) => call.waiting).length;
  const waits = waiting ? `, ${counted(waiting, "caller waits", "callers wait")} for a human` : "";
  const found = `${counted(calls.length, "call")}${waits}`;
  if (byId("found").textContent !== found) byId("found").textContent = found;
  document.title = waiting ? `(${waiting}) Running calls` : "Running calls";
  byId("none").hidden = calls.length > 0;
  byId("table").hidden = !calls.length;
  reconcile(
    byId("rows"),
    calls,
    (call) => addressOf(call),
    (call) => {
      const row = make("tr", { role: "row" });
      row.append(...cells(call, now));
      return row;
    },
    (row, call) => update(row, cells(call, now)),
  );
}

/** @param {Row} call */
export const addressOf = (call) => `${encodeURIComponent(call.call_sid)}/${encodeURIComponent(call.stream_sid)}`;

/** Only what has changed is replaced, and the link never: it may have the focus.
 * @param {HTMLElement} row @param {HTMLElement[]} news */
function update(row, news) {
  news.forEach((cell, index) => {
    const present = row.children[index];
    const link = present?.querySelector("a");
    if (link) link.textContent = cell.textContent;
    else if (present?.isEqualNode(cell) === false) present.replaceWith(cell);
  });
}

/** @param {Row} call @param {number} now */
function cells(call, now) {
  /** @param {string} className @param {...import("../shared/dom.js").Child} content */
  const cell = (className, ...content) => make("td", { role: "cell", class: className }, ...content);
  return [
    cell("for", make("a", { href: `#/${addressOf(call)}` }, clock(now - call.started))),
    cell("caller", make("bdi", {}, visible(call.from) || "number unknown")),
    cell("agent", make("bdi", {}, visible(call.agent))),
    cell("last", call.last ? make("span", {}, `${call.last.speaker}: `, make("bdi", {}, visible(call.last.text))) : ""),
    cell("number", call.answer_ms === null ? "" : answers(call.answer_ms)),
    cell("now", ...tagsOf(call)),
  ];
}

/** @param {number} ms */
const answers = (ms) => make("span", { class: ms > SLOW_ANSWER_MS ? "tag warn" : "" }, milliseconds(ms));

/** How it stands with a call, in a word or two. @param {Row} call */
export function tagsOf(call) {
  const { waiting } = call;
  if (waiting) {
    const target = waiting.target ? ` for ${visible(waiting.target)}` : " for a human";
    return [make("span", { class: "tag warn" }, `waits${target} since ${timeOfDay(waiting.since)}`)];
  }
  if (call.silent) return [make("span", { class: "tag bad" }, `no report since ${timeOfDay(call.heard)}`)];
  if (!call.tells) return [make("span", { class: "tag" }, "reports no words")];
  return [make("span", { class: "tag good" }, "running")];
}
