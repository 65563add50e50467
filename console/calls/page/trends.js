// How calls change from day to day, and what a change has changed.
import { ask, shownWhile } from "../shared/ask.js";
import { byId, make, reconcile } from "../shared/dom.js";
import { named, shortDay, visible } from "../shared/format.js";
import { changed, hashOf, here } from "./address.js";
import { chart } from "./charts.js";
import { comparison, tellIn } from "./figures.js";
import { isHalfADate } from "./filters.js";
import { causeClass, causeHue, causeName, endClass, endName, lookupName, transferPlace } from "./words.js";

/** @typedef {import("./types").Trends} Trends */

const HOURS = Array.from({ length: 24 }, (_, hour) => `${hour}:00`);

export class TrendsView {
  #box = byId("charts");
  #day = byId("pivot", HTMLInputElement);
  #version = byId("pivot-version", HTMLSelectElement);

  /** @param {() => void} onChange when the address has got another comparison */
  constructor(onChange) {
    /** @param {Record<string, string>} pivot */
    const compare = (pivot) => {
      history.pushState(null, "", hashOf("trends", changed(here().parameters, pivot)));
      onChange();
    };
    this.#day.addEventListener("change", () => {
      if (!isHalfADate(this.#day)) compare({ pivot: this.#day.value, pivot_version: "" });
    });
    this.#version.addEventListener("change", () => compare({ pivot: "", pivot_version: this.#version.value }));
  }

  /** @param {import("./address.js").Address} address @param {() => boolean} isCurrent */
  async show({ filters, parameters }, isCurrent) {
    document.title = "Trends of calls";
    const found = /** @type {Trends} */ (await shownWhile(byId("trends"), ask(`trends?${parameters}`)));
    if (!isCurrent()) return;
    tellIn(found.money);
    this.#compare(found, filters, parameters);
    if (!found.days.length) {
      this.#box.replaceChildren(make("p", { class: "card" }, "No call matches these filters."));
      return;
    }
    this.#box.replaceChildren(...charts(found, filters, changedOn(found, parameters)));
  }

  /** @param {Trends} found @param {URLSearchParams} filters @param {URLSearchParams} parameters */
  #compare({ days, comparison: { sides, versions } }, filters, parameters) {
    const [day, version] = [parameters.get("pivot") ?? "", parameters.get("pivot_version") ?? ""];
    [this.#day.min, this.#day.max] = [days[1] ?? "", days.at(-1) ?? ""];
    if (this.#day.value !== day) this.#day.value = day;
    const known = versions.map(([name, began]) => [name, `${visible(name)}, from ${shortDay(began)} on`]);
    if (version && !known.some(([name]) => name === version)) known.push([version, visible(version)]);
    reconcile(
      this.#version,
      [["", "none"], ...known],
      ([name = ""]) => `version ${name}`,
      ([name, label]) => make("option", { value: name }, label),
      (option, [, label = ""]) => {
        option.textContent = label;
      },
    );
    this.#version.value = version;
    byId("pivot-versions").hidden = known.length === 0;
    const table = byId("compared");
    table.hidden = !(sides.before && sides.after);
    if (sides.before && sides.after) {
      /** @param {Record<string, string>} more */
      const calls = (more) => hashOf("calls", changed(filters, more));
      table.replaceChildren(comparison(sides.before, sides.after, calls));
    }
    const nothing = byId("not-compared");
    nothing.hidden = !table.hidden || !(day || version);
    nothing.textContent = version
      ? "No version came before this one in the calls that the filters leave."
      : "The calls that the filters leave are all on one side of this day.";
  }
}

/** The day of the change, if one is chosen. @param {Trends} found @param {URLSearchParams} parameters */
function changedOn({ comparison: { versions } }, parameters) {
  const version = parameters.get("pivot_version");
  return version ? versions.find(([name]) => name === version)?.[1] : (parameters.get("pivot") ?? undefined);
}

/** @param {Trends} found @param {URLSearchParams} filters @param {string} [change] its day */
function charts(found, filters, change) {
  const { days, figures } = found;
  /** @param {Record<string, string>} more */
  const calls = (more) => hashOf("calls", changed(filters, more));
  /** @param {string} name @param {(name: string) => Record<string, string>} [of] */
  const onDay = (name, of = (agent) => ({ agent: agent === "others" ? "" : agent || "-" })) => {
    return (/** @type {string} */ value, /** @type {string} */ day) =>
      calls({ ...of(value), first_day: day, last_day: day, [name]: of(value)[name] ?? "" });
  };
  const daily = { slots: days, short: shortDay, partial: found.today, change };
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
