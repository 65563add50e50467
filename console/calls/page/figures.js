// Headline figures beside those of another period.
import { make } from "../shared/dom.js";
import { milliseconds, shortDay, visible, whole } from "../shared/format.js";

/** @typedef {import("./types").Figures} Figures */
/** @typedef {import("./types").Side} Side */
/** @typedef {{name: string, value: (figures: Figures) => number | null, told: (value: number) => string,
 * better: -1 | 0 | 1, filters?: Record<string, string>, note?: (figures: Figures) => string,
 * per?: "day" | "call"}} Figure */

/** @param {(figures: Figures) => number} of */
const share = (of) => (/** @type {Figures} */ figures) => (figures.calls ? (100 * of(figures)) / figures.calls : null);
let money = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD" });
let infrastructure = false;
/** What the costs of an answer are told in. @param {import("./types").Money} of */
export function tellIn(of) {
  money = new Intl.NumberFormat(undefined, { style: "currency", currency: of.currency });
  infrastructure = of.infrastructure;
}
/** @param {number} value */
export const cost = (value) => money.format(value);
/** What a sum of costs leaves out. @param {Figures} one */
function leftOut(one) {
  const parts = infrastructure ? [] : ["without functions and relay"];
  if (one.cost_unknown) parts.push(`${whole.format(one.cost_unknown)} of the calls unknown`);
  return parts.join(", ");
}
const percent = (/** @type {number} */ value) => `${value.toFixed(value < 10 ? 1 : 0)} %`;
const count = (/** @type {number} */ value) => whole.format(value);

/** `better`: whether more is better, worse, or neither. `filters`: the calls behind the figure, if not all. `note`:
 * what to know of it. `per`: what it is divided by where periods of different lengths are compared. @type {Figure[]} */
export const FIGURES = [
  { name: "Calls", value: (one) => one.calls, told: count, better: 0, per: "day" },
  {
    name: "Minutes",
    value: (one) => one.minutes,
    told: count,
    better: 0,
    filters: { order: "longest" },
    per: "day",
  },
  {
    name: "Handled without a human",
    value: share((one) => one.handled),
    told: percent,
    better: 1,
    filters: { transfer: "-", cause: "-" },
  },
  {
    name: "Transferred",
    value: share((one) => one.transferred),
    told: percent,
    better: 0,
    filters: { transfer: "any" },
  },
  {
    name: "Transfers that reached somebody",
    value: (one) => (one.transferred ? (100 * one.reached) / one.transferred : null),
    told: percent,
    better: 1,
    filters: { transfer: "answered" },
  },
  {
    name: "Failed",
    value: (one) => one.failed,
    told: count,
    better: -1,
    filters: { cause: "any" },
    per: "call",
  },
  {
    name: "Another agent took over",
    value: (one) => one.failovers,
    told: count,
    better: -1,
    filters: { failover: "1" },
    per: "call",
  },
  {
    name: "Successful, by the vendor's evaluation",
    value: (one) => (one.judged ? (100 * one.successful) / one.judged : null),
    told: percent,
    better: 1,
    filters: { success: "success" },
  },
  { name: "Answer time, median", value: (one) => one.answer_ms_p50, told: milliseconds, better: -1 },
  { name: "Answer time, 95th percentile", value: (one) => one.answer_ms_p95, told: milliseconds, better: -1 },
  { name: "First words heard after, median", value: (one) => one.first_audio_ms_p50, told: milliseconds, better: -1 },
  { name: "First words heard after, 95th", value: (one) => one.first_audio_ms_p95, told: milliseconds, better: -1 },
  { name: "Cost", value: (one) => one.cost, told: cost, better: 0, note: leftOut, per: "day" },
  {
    name: "Cost a call",
    value: (one) =>
      one.cost === null || one.calls <= one.cost_unknown ? null : one.cost / (one.calls - one.cost_unknown),
    told: cost,
    better: -1,
  },
];

/** The change from one period to another in words, and whether it is good. @param {Figure} figure
 * @param {Figures} before @param {Figures} now */
export function change(figure, before, now) {
  const [old, value] = [figure.value(before), figure.value(now)];
  if (old === null || value === null || (!old && !value)) return { text: "", tone: "" };
  const text = `before: ${figure.told(old)}`;
  return { text, tone: tone(figure, old, value) };
}

/** Whether a change is good or bad; empty for a slight one. @param {Figure} figure @param {number} old
 * @param {number} value */
function tone({ better }, old, value) {
  const direction = Math.sign(value - old) * better;
  const slight = Math.abs(value - old) <= 0.02 * Math.max(Math.abs(old), Math.abs(value));
  return slight || !direction ? "" : direction > 0 ? "good" : "bad";
}

/** A figure that does not depend on how long a period is. @param {Figure} figure @param {Side} side */
function rated(figure, side) {
  const value = figure.value(side);
  if (value === null || !figure.per) return value;
  const of = figure.per === "day" ? side.days : side.calls / 100;
  return of ? value / of : null;
}

/** @param {Figure} figure @param {number} rate */
const toldRate = (figure, rate) => (figure.per === "day" ? `${figure.told(rate)} a day` : percent(rate));

/** @param {Figure} figure @param {Side} before @param {Side} after */
function difference(figure, before, after) {
  const [old, value] = [rated(figure, before), rated(figure, after)];
  if (old === null || value === null) return make("td", {}, "–");
  const by = Math.abs(value - old);
  const points = figure.told === percent || figure.per === "call";
  const told = points ? `${by.toFixed(1)} points` : figure.per ? toldRate(figure, by) : figure.told(by);
  return make("td", { class: tone(figure, old, value) }, by ? `${value > old ? "+" : "−"}${told}` : "none");
}

/** Two sides of a change, and the difference; each figure leads to its calls. @param {Side} before @param {Side} after
 * @param {(filters: Record<string, string>) => string} calls */
export function comparison(before, after, calls) {
  const rows = FIGURES.map((figure) => {
    const cells = [before, after].map((side) => {
      const [value, rate] = [figure.value(side), rated(figure, side)];
      if (value === null) return make("td", {}, "–");
      const more = figure.per && rate !== null ? ` (${toldRate(figure, rate)})` : "";
      const href = calls({ ...side.filters, ...figure.filters });
      return make("td", {}, make("a", { href }, figure.told(value)), more);
    });
    return make("tr", {}, make("th", { scope: "row" }, figure.name), cells, difference(figure, before, after));
  });
  /** @param {Side} side @param {string} name */
  const head = ({ filters: { agent_version, first_day, last_day } }, name) =>
    make(
      "th",
      { scope: "col" },
      make("bdi", {}, visible(agent_version ?? name)),
      make("div", { class: "faint" }, `${shortDay(first_day)} to ${shortDay(last_day)}`),
    );
  const heads = [head(before, "Before"), head(after, "From that day on")];
  const names = make(
    "tr",
    {},
    make("th", { scope: "col" }, "Figure"),
    heads,
    make("th", { scope: "col" }, "Difference"),
  );
  return make("table", {}, make("thead", {}, names), make("tbody", {}, rows));
}
