// Headline figures beside those of another period.
import { make } from "../shared/dom.js";
import { milliseconds, whole } from "../shared/format.js";

/** @typedef {import("./types").Figures} Figures */
/** @typedef {{name: string, value: (figures: Figures) => number | null, told: (value: number) => string,
 * better: -1 | 0 | 1, filters?: Record<string, string>, note?: (figures: Figures) => string}} Figure */

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

/** `better`: whether more is better, worse, or neither. `filters`: the calls behind the figure. `note`: what to know of
 * it. @type {Figure[]} */
export const FIGURES = [
  { name: "Calls", value: (one) => one.calls, told: count, better: 0, filters: {} },
  { name: "Minutes", value: (one) => one.minutes, told: count, better: 0, filters: { order: "longest" } },
  {
    name: "Handled without a human",
    value: share((one) => one.handled),
    told: percent,
    better: 1,
    filters: { transfer: "-" },
  },
  { name: "Transferred", value: share((one) => one.transferred), told: percent, better: 0 },
  {
    name: "Transfers that reached somebody",
    value: (one) => (one.transferred ? (100 * one.reached) / one.transferred : null),
    told: percent,
    better: 1,
    filters: { transfer: "answered" },
  },
  { name: "Failed", value: (one) => one.failed, told: count, better: -1, filters: { cause: "any" } },
  {
    name: "Another agent took over",
    value: (one) => one.failovers,
    told: count,
    better: -1,
    filters: { failover: "1" },
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
  { name: "Cost", value: (one) => one.cost, told: cost, better: 0, note: leftOut },
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
  const direction = Math.sign(value - old) * figure.better;
  const slight = Math.abs(value - old) <= 0.02 * Math.max(Math.abs(old), Math.abs(value));
  return { text, tone: slight || !direction ? "" : direction > 0 ? "good" : "bad" };
}

/** Two periods side by side. @param {Figures} before @param {Figures} after @param {[string, string]} heads */
export function comparison(before, after, heads) {
  const rows = FIGURES.map((figure) => {
    const cells = [before, after].map((one) => {
      const value = figure.value(one);
      return make("td", {}, value === null ? "–" : figure.told(value));
    });
    const { tone } = change(figure, before, after);
    cells[1]?.classList.add(...(tone ? [tone] : []));
    return make("tr", {}, make("th", { scope: "row" }, figure.name), cells);
  });
  const head = make(
    "tr",
    {},
    make("th", { scope: "col" }, "Figure"),
    heads.map((name) => make("th", { scope: "col" }, name)),
  );
  return make("table", {}, make("thead", {}, head), make("tbody", {}, rows));
}
