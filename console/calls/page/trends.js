// How calls change from day to day, and what a chosen day has changed.
import { ask, shownWhile } from "../shared/ask.js";
import { byId, make } from "../shared/dom.js";
import { named, shortDay, visible } from "../shared/format.js";
import { changed, hashOf } from "./address.js";
import { chart } from "./charts.js";
import { comparison, tellIn } from "./figures.js";
import { causeClass, causeHue, causeName, endClass, endName, lookupName, transferPlace } from "./words.js";

const HOURS = Array.from({ length: 24 }, (_, hour) => `${hour}:00`);

export class TrendsView {
  #box = byId("charts");
  #pivot = byId("pivot", HTMLInputElement);

  /** @param {() => void} onPivot */
  constructor(onPivot) {
    this.#pivot.addEventListener("change", onPivot);
  }

  /** @param {URLSearchParams} filters @param {() => boolean} isCurrent */
  async show(filters, isCurrent) {
    document.title = "Trends of calls";
    const query = new URLSearchParams(filters);
    if (this.#pivot.value) query.set("pivot", this.#pivot.value);
    const found = /** @type {import("./types").Trends} */ (await shownWhile(byId("trends"), ask(`trends?${query}`)));
    if (!isCurrent()) return;
    this.#pivot.min = found.days[0] ?? "";
    this.#pivot.max = found.days.at(-1) ?? "";
    tellIn(found.money);
    const compared = byId("compared");
    compared.hidden = !(found.before && found.after);
    if (found.before && found.after) {
      compared.replaceChildren(comparison(found.before, found.after, ["Before that day", "From that day on"]));
    }
    if (!found.days.length) {
      this.#box.replaceChildren(make("p", { class: "card" }, "No call matches these filters."));
      return;
    }
    this.#box.replaceChildren(...charts(found, filters));
  }
}

/** @param {import("./types").Trends} found @param {URLSearchParams} filters */
function charts(found, filters) {
  const { days, figures } = found;
  /** @param {Record<string, string>} more */
  const calls = (more) => hashOf("calls", changed(filters, more));
  /** @param {string} name @param {(name: string) => Record<string, string>} [of] */
  const onDay = (name, of = (agent) => ({ agent: agent === "others" ? "" : agent || "-" })) => {
    return (/** @type {string} */ value, /** @type {string} */ day) =>
      calls({ ...of(value), first_day: day, last_day: day, [name]: of(value)[name] ?? "" });
  };
  const daily = { slots: days, short: shortDay, partial: found.today };
  const byAgent = { ...daily, word: (/** @type {string} */ name) => name || "unknown agent", link: onDay("agent") };
  /** @param {string} title @param {string} unit @param {string} figure */
  const line = (title, unit, figure) => ({ ...byAgent, title, unit, kind: "lines", series: figures[figure] ?? {} });
  const all = [
    { ...byAgent, title: "Calls a day", unit: "", kind: "bars", series: figures.calls ?? {} },
    {
      ...daily,
      title: "Failures by cause",
      unit: "",
      kind: "bars",
      series: found.causes,
      word: causeName,
      hue: causeHue,
      colour: causeClass,
      link: onDay("cause", (cause) => ({ cause })),
    },
    line("Successful, per cent of those judged", "%", "success"),
    {
      ...daily,
      title: "Successful by each criterion of the evaluation, per cent",
      unit: "%",
      kind: "lines",
      series: found.criteria,
      word: named,
    },
    {
      ...daily,
      title: "Calls that another agent took over",
      unit: "",
      kind: "bars",
      series: found.failovers,
      link: onDay("failover", () => ({ failover: "1" })),
    },
    {
      ...daily,
      title: "Calls by version of the agent",
      unit: "",
      kind: "bars",
      series: found.versions,
      link: onDay("agent_version", (version) => ({ agent_version: version })),
    },
    {
      ...daily,
      title: "Calls by tag; a call may have several",
      unit: "",
      kind: "lines",
      series: found.tags,
      word: visible,
      link: onDay("tag", (tag) => ({ tag })),
    },
    {
      ...daily,
      title: "Look-ups before the greeting",
      unit: "",
      kind: "bars",
      series: found.lookups,
      word: lookupName,
      link: onDay("lookup", (lookup) => ({ lookup })),
    },
    line("Answer time, median, ms", "ms", "answer_ms"),
    line("Answer time, 95th percentile, ms", "ms", "answer_p95_ms"),
    line("First words heard after, median, ms", "ms", "first_audio_ms"),
    line("First words heard after, 95th percentile, ms", "ms", "first_audio_p95_ms"),
    line("Median length, seconds", "s", "length_s"),
    line("Interruptions a call", "", "interruptions"),
    line("Holes in the sound, a call", "", "gaps"),
    {
      ...daily,
      title: "How calls ended",
      unit: "",
      kind: "bars",
      series: found.end_reasons,
      word: (/** @type {string} */ reason) => endName(reason === "unknown" ? "" : reason),
      colour: (/** @type {string} */ reason) => endClass(reason === "unknown" ? "" : reason).replace("tag ", ""),
      link: onDay("end_reason", (reason) => ({ end_reason: reason === "unknown" ? "-" : reason })),
    },
    {
      ...daily,
      title: "Transfers by outcome",
      unit: "",
      kind: "bars",
      series: found.transfers,
      word: named,
      colour: (/** @type {string} */ state) => `s${transferPlace(state) + 1}`,
      link: onDay("transfer", (transfer) => ({ transfer })),
    },
    {
      title: "Calls by hour of the day",
      unit: "",
      kind: "bars",
      slots: HOURS,
      short: (/** @type {string} */ hour) => hour.replace(":00", ""),
      series: { calls: found.hours },
      link: (/** @type {string} */ _, /** @type {string} */ hour) => calls({ hour: hour.replace(":00", "") }),
    },
  ];
  return all
    .filter(({ series }) => Object.keys(series).length)
    .map((one) => chart(/** @type {import("./charts.js").Chart} */ (one)));
}
