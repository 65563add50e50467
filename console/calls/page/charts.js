// Small charts in SVG: bars on top of each other for counts, lines for figures; each with its numbers as a table.
import { draw, make } from "../shared/dom.js";
import { whole } from "../shared/format.js";

const [HEIGHT, LEFT, BOTTOM, TOP] = [200, 44, 24, 8];
/** Titles of the charts whose figures somebody has opened: they stay open when the charts are drawn again.
 * @type {Set<string>} */
const openTables = new Set();
const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

/**
 * @typedef {object} Chart
 * @property {string} title
 * @property {string} unit
 * @property {"bars" | "lines"} kind
 * @property {string[]} slots days or hours, as they are told
 * @property {(slot: string) => string} [short] a slot at the axis
 * @property {import("./types").Series} series
 * @property {(name: string) => string} [word]
 * @property {(name: string, place: number) => string} [colour] the class of a name's colour
 * @property {(name: string) => number | undefined} [hue] instead, for what has a hue of its own
 * @property {(name: string, slot: string) => string} [link] the calls behind a bar or a dot
 * @property {string} [partial] the slot that is not over yet
 * @property {string} [change] the slot from whose beginning on something is different
 */

/** @typedef {{x: (place: number) => number, y: (value: number) => number, band: number}} Scale */

/** @param {Chart} chart */
export function chart(chart) {
  const names = Object.keys(chart.series);
  const { slots, kind, title } = chart;
  const word = chart.word ?? ((name) => name);
  const width = innerWidth < 600 ? 330 : 560; // letters are to stay readable where the picture is narrow
  const values = names.flatMap((name) => (chart.series[name] ?? []).map((value) => value ?? 0));
  const stacked = slots.map((_, place) => names.reduce((sum, name) => sum + (chart.series[name]?.[place] ?? 0), 0));
  const ticks = tickValues(kind === "bars" ? Math.max(1, ...stacked) : Math.max(0.001, ...values));
  const top = ticks.at(-1) ?? 1;
  const band = (width - LEFT) / slots.length;
  /** @type {Scale} */
  const scale = {
    band,
    x: (place) => LEFT + band * (place + 0.5),
    y: (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top),
  };
  const label = `${title}, ${slots.length} from ${slots[0]} to ${slots.at(-1)}; the figures are in the table below`;
  const picture = draw("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "group", "aria-label": label });
  picture.append(...axes(chart, scale, ticks, width));
  const changed = slots.indexOf(chart.change ?? "");
  if (changed > 0) {
    const x = scale.x(changed) - band / 2;
    picture.append(draw("line", { class: "change", x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM }));
  }
  picture.append(...(kind === "bars" ? bars(chart, names, scale) : lines(chart, names, scale)));
  const keys = names.map((name, place) => keyed(make("li", {}, word(name)), chart, name, place));
  return make(
    "figure",
    { class: "card" },
    make("figcaption", {}, make("b", {}, title), names.length > 1 ? make("ul", { class: "keys" }, keys) : ""),
    picture,
    make(
      "details",
      { open: openTables.has(title), ontoggle: remember(title) },
      make("summary", {}, "As a table"),
      make(
        "div",
        { class: "scroll", tabindex: 0, role: "group", "aria-label": `${title}, table` },
        table(chart, names),
      ),
    ),
  );
}

/** @param {string} title */
const remember = (title) => (/** @type {Event} */ event) => {
  if (event.currentTarget instanceof HTMLDetailsElement && event.currentTarget.open) openTables.add(title);
  else openTables.delete(title);
};

/** One colour a meaning: by class, or by a hue. @template {Element & {style: CSSStyleDeclaration}} Kind
 * @param {Kind} node @param {Chart} chart @param {string} name @param {number} place @returns {Kind} */
function keyed(node, chart, name, place) {
  const hue = chart.hue?.(name);
  if (hue !== undefined) node.style.setProperty("--key", `hsl(${hue} 60% 48%)`);
  else node.classList.add(...(chart.colour?.(name, place) ?? `s${Math.min(place, 6) + 1}`).split(" "));
  return node;
}

/** @param {Chart} chart @param {Scale} scale @param {number[]} ticks @param {number} width */
function axes({ slots, short = (slot) => slot }, scale, ticks, width) {
  /** @type {SVGElement[]} */
  const parts = ticks.flatMap((tick) => [
    draw("line", { class: "grid", x1: LEFT, x2: width, y1: scale.y(tick), y2: scale.y(tick) }),
    draw("text", { x: LEFT - 6, y: scale.y(tick) + 4, "text-anchor": "end" }, number.format(tick)),
  ]);
  const step = Math.ceil((slots.length * 80) / width);
  slots.forEach((slot, place) => {
    if (place % step) return;
    parts.push(draw("text", { x: scale.x(place), y: HEIGHT - 6, "text-anchor": "middle" }, short(slot)));
  });
  return parts;
}

/** @param {Chart} chart @param {string[]} names @param {Scale} scale */
function bars(chart, names, scale) {
  const width = Math.max(1, scale.band * 0.72);
  const word = chart.word ?? ((name) => name);
  return chart.slots.map((slot, place) => {
    let below = 0;
    const isPartial = slot === chart.partial;
    const parts = names.flatMap((name, order) => {
      const value = chart.series[name]?.[place] ?? 0;
      if (!value) return [];
      below += value;
      const x = scale.x(place) - width / 2;
      const height = scale.y(below - value) - scale.y(below);
      const bar = draw("rect", { class: "bar", x, width, y: scale.y(below), height });
      const told = `${slot}${isPartial ? ", so far" : ""}, ${word(name)}: ${whole.format(value)}`;
      return [linked(chart, name, slot, keyed(bar, chart, name, order), told)];
    });
    return draw("g", { class: isPartial ? "partial" : null }, ...parts);
  });
}

/** @param {Chart} chart @param {string[]} names @param {Scale} scale */
function lines(chart, names, scale) {
  const word = chart.word ?? ((name) => name);
  return names.map((name, order) => {
    const values = chart.series[name] ?? [];
    /** @type {string[][]} */
    const runs = [[]];
    values.forEach((value, place) => {
      if (value === null) runs.push([]);
      else runs.at(-1)?.push(`${scale.x(place)},${scale.y(value)}`);
    });
    const drawn = runs
      .filter((run) => run.length > 1)
      .map((run) => draw("polyline", { class: "line", points: run.join(" ") }));
    const dots = values.flatMap((value, place) => {
      if (value === null) return [];
      const slot = chart.slots[place] ?? "";
      const radius = values.length > 45 ? 1.5 : 3;
      const dot = draw("circle", { class: "dot", cx: scale.x(place), cy: scale.y(value), r: radius });
      const told = `${slot}, ${word(name)}: ${number.format(value)} ${chart.unit}`;
      return [linked(chart, name, slot, dot, told)];
    });
    return keyed(draw("g", {}, ...drawn, ...dots), chart, name, order);
  });
}

/** A mark that leads to its calls. @param {Chart} chart @param {string} name @param {string} slot
 * @param {SVGElement} mark @param {string} told */
function linked(chart, name, slot, mark, told) {
  mark.prepend(draw("title", {}, told));
  const href = chart.link?.(name, slot);
  return href ? draw("a", { href, "aria-label": told, tabindex: -1 }, mark) : mark;
}

/** @param {Chart} chart @param {string[]} names */
function table(chart, names) {
  const word = chart.word ?? ((name) => name);
  const heads = names.map((name) => make("th", { scope: "col" }, word(name)));
  const rows = chart.slots.map((slot, place) => {
    const cells = names.map((name) => {
      const value = chart.series[name]?.[place] ?? null;
      const text = value === null ? "–" : whole.format(value);
      const href = value ? chart.link?.(name, slot) : undefined;
      return make("td", {}, href ? make("a", { href }, text) : text);
    });
    return make("tr", {}, make("th", { scope: "row" }, slot, slot === chart.partial ? " (so far)" : ""), cells);
  });
  return make(
    "table",
    {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "When"), heads)),
    make("tbody", {}, rows),
  );
}

/** Round numbers from 0 to at least `highest`. @param {number} highest */
function tickValues(highest) {
  const rough = highest / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.ceil(highest / step - 1e-9) + 1 }, (_, place) => place * step);
}
