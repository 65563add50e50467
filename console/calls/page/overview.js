// The start page for people who lead: a period's figures beside those of the period before it; each leads to its calls.
import { ask, shownWhile } from "../shared/ask.js";
import { byId, make } from "../shared/dom.js";
import { counted, named, shortDay, visible, whole } from "../shared/format.js";
import { changed, hashOf } from "./address.js";
import { chart } from "./charts.js";
import { change, FIGURES, tellIn } from "./figures.js";
import { causeName, endName, lookupName } from "./words.js";

/** @typedef {import("./types").Overview} Overview */

const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const HOURS = Array.from({ length: 24 }, (_, hour) => `${hour}:00`);
/** @type {[keyof Overview["groups"], string, (value: string) => string][]} */
const GROUPS = [
  ["agent", "By agent", (value) => value || "unknown"],
  ["called", "By called number", (value) => value || "unknown"],
  ["end_reason", "By end", endName],
  ["success", "By the vendor's judgement", (value) => value || "not judged"],
  ["agent_version", "By version of the agent", (value) => value || "not known"],
  ["tag", "By tag", visible],
  ["lookup", "By look-up", (value) => lookupName(value) || "none"],
];

export class OverviewView {
  /** @param {URLSearchParams} filters @param {() => boolean} isCurrent */
  async show(filters, isCurrent) {
    document.title = "Overview of calls";
    const found = /** @type {Overview} */ (await shownWhile(byId("overview"), ask(`overview?${filters}`)));
    if (!isCurrent()) return;
    const period = changed(filters, { first_day: found.first_day, last_day: found.last_day, order: "" });
    /** @param {Record<string, string>} more */
    const calls = (more) => hashOf("calls", changed(period, more));
    tellIn(found.money);
    byId("period").textContent =
      `${shortDay(found.first_day)} to ${shortDay(found.last_day)}, beside as many days before it`;
    byId("headlines").replaceChildren(...headlines(found, calls));
    byId("groups").replaceChildren(
      causes(found, calls),
      ...groups(found, calls),
      ...criteria(found, calls),
      ...times(found, calls),
    );
  }
}

/** @typedef {(more: Record<string, string>) => string} Link */

/** @param {Overview} found @param {Link} calls */
function headlines({ now, before }, calls) {
  return FIGURES.map((figure) => {
    const value = figure.value(now);
    const told = value === null ? "–" : figure.told(value);
    const { text, tone } = change(figure, before, now);
    return make(
      "div",
      { class: "card" },
      make("dt", {}, figure.name),
      make("dd", { class: "figure" }, make("a", { href: calls(figure.filters ?? {}) }, told)),
      text ? make("dd", { class: `faint ${tone}` }, text) : "",
      value !== null && figure.note?.(now) ? make("dd", { class: "faint" }, figure.note(now)) : "",
    );
  });
}

/** @param {Overview} found @param {Link} calls */
function causes(found, calls) {
  const items = found.causes.map(([kind, sentence, count]) =>
    make(
      "li",
      {},
      make("a", { href: calls({ cause: kind }) }, `${counted(count, "call")}: ${causeName(kind)}`),
      make("span", { class: "faint" }, ` ${sentence}`),
    ),
  );
  const none = make("p", { class: "faint" }, "No call of this period failed.");
  return make("section", { class: "card" }, make("h3", {}, "What failed"), items.length ? make("ul", {}, items) : none);
}

/** @param {Overview} found @param {Link} calls */
function groups(found, calls) {
  // Of one version, or where nothing is looked up, there is nothing to compare.
  /** @type {Partial<Record<string, number>>} */
  const least = { agent_version: 2, lookup: 2, tag: 1 };
  const shown = GROUPS.filter(([name]) => found.groups[name].length >= (least[name] ?? 0));
  return shown.map(([name, title, word]) => {
    const rows = found.groups[name].map(([value, count, failed]) =>
      make(
        "tr",
        {},
        make(
          "th",
          { scope: "row" },
          make("a", { href: calls({ [name]: value || "-" }) }, make("bdi", {}, word(value))),
        ),
        make("td", {}, whole.format(count)),
        make(
          "td",
          {},
          failed ? make("a", { href: calls({ [name]: value || "-", cause: "any" }) }, whole.format(failed)) : "0",
        ),
      ),
    );
    const head = make(
      "tr",
      {},
      [title.replace("By ", ""), "Calls", "Failed"].map((text) => make("th", { scope: "col" }, text)),
    );
    const table = make("table", {}, make("thead", {}, head), make("tbody", {}, rows));
    return make("section", { class: "card" }, make("h3", {}, title), make("div", { class: "scroll" }, table));
  });
}

/** @param {Overview} found @param {Link} calls */
function criteria(found, calls) {
  if (!found.criteria.length) return [];
  /** @param {string} name @param {string} result @param {number} count */
  const made = (name, result, count) =>
    count ? make("a", { href: calls({ criterion: `${name}=${result}` }) }, whole.format(count)) : "0";
  const rows = found.criteria.map(([name, judged, successful]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, make("bdi", {}, named(name))),
      make("td", {}, made(name, "success", successful)),
      make("td", {}, made(name, "failure", judged - successful)),
      make("td", {}, `${whole.format(judged ? (100 * successful) / judged : 0)} %`),
    ),
  );
  const head = make(
    "tr",
    {},
    ["criterion", "Met", "Not met", "Per cent"].map((text) => make("th", { scope: "col" }, text)),
  );
  const table = make("table", {}, make("thead", {}, head), make("tbody", {}, rows));
  return [
    make(
      "section",
      { class: "card" },
      make("h3", {}, "By criterion of the evaluation"),
      make("div", { class: "scroll" }, table),
    ),
  ];
}

/** @param {Overview} found @param {Link} calls */
function times(found, calls) {
  return [
    chart({
      title: "Calls by hour of the day",
      unit: "",
      kind: "bars",
      slots: HOURS,
      short: (hour) => hour.replace(":00", ""),
      series: { calls: found.hours },
      link: (_, hour) => calls({ hour: hour.replace(":00", "") }),
    }),
    chart({
      title: "Calls by weekday",
      unit: "",
      kind: "bars",
      slots: WEEKDAYS,
      short: (day) => day.slice(0, 3),
      series: { calls: found.weekdays },
    }),
  ];
}
