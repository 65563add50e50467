// Small charts in SVG: bars on top of each other for counts, lines for figures; each with its numbers as a table.
import { draw, make } from "./dom.js";
import { whole } from "./words.js";

const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const [HEIGHT, LEFT, BOTTOM, TOP] = [200, 44, 24, 8];

/** @param {{title: string, unit: string, kind: "bars" | "lines", days: string[], series: Record<string, (number | null)[]>, word?: (name: string) => string,
 * places?: Record<string, number>}} chart places: which colour a name has, where it means something */
export function chart({ title, unit, kind, days, series, word = (name) => name, places = {} }) {
  const names = Object.keys(series);
  const colour = (name) => `s${Math.min(places[name] ?? names.indexOf(name), 6) + 1}`;
  const width = innerWidth < 600 ? 330 : 560; // letters are to stay readable where the picture is narrow
  const stacked = days.map((_, index) => names.reduce((sum, name) => sum + (series[name][index] ?? 0), 0));
  const highest = kind === "bars" ? Math.max(1, ...stacked) : Math.max(...names.flatMap((name) => series[name].map((value) => value ?? 0)), 0.001);
  const ticks = scale(highest);
  const top = ticks.at(-1);
  const band = (width - LEFT) / days.length;
  const x = (index) => LEFT + band * (index + 0.5);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
  const picture = draw("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": `${title}, ${days.length} days from ${days[0]} to ${days.at(-1)}; the figures are in the table below` });
  for (const tick of ticks) {
    picture.append(draw("line", { class: "grid", x1: LEFT, x2: width, y1: y(tick), y2: y(tick) }), draw("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, number.format(tick)));
  }
  const step = Math.ceil((days.length * 80) / width);
  days.forEach((day, index) => index % step === 0 && picture.append(draw("text", { x: x(index), y: HEIGHT - 6, "text-anchor": "middle" }, short.format(new Date(`${day}T00:00`)))));
  if (kind === "bars") picture.append(...bars(names, series, days, x, y, band, word, colour));
  else picture.append(...names.flatMap((name) => line(series[name], colour(name), x, y, (value, index) => `${days[index]}, ${word(name)}: ${number.format(value)} ${unit}`)));
  return make(
    "figure",
    { class: "card" },
    make("figcaption", {}, make("b", {}, title), make("ul", { class: "keys" }, names.map((name) => make("li", { class: colour(name) }, word(name))))),
    picture,
    make("details", {}, make("summary", {}, "As a table"), make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `${title}, table` }, table(names, series, days, word))),
  );
}

function bars(names, series, days, x, y, band, word, colour) {
  const width = Math.max(1, band * 0.72);
  return days.map((day, index) => {
    let below = 0;
    const parts = names.flatMap((name) => {
      const value = series[name][index] ?? 0;
      if (!value) return [];
      below += value;
      return [draw("rect", { class: `bar ${colour(name)}`, x: x(index) - width / 2, width, y: y(below), height: y(below - value) - y(below) })];
    });
    const told = names.filter((name) => series[name][index]).map((name) => `${word(name)}: ${whole.format(series[name][index])}`);
    return draw("g", {}, draw("title", {}, [day, ...told].join("\n")), ...parts);
  });
}

function line(values, colour, x, y, told) {
  const runs = [];
  values.forEach((value, index) => {
    if (value === null) return runs.push([]);
    if (!runs.length) runs.push([]);
    return runs.at(-1).push([x(index), y(value)]);
  });
  const dots = values.flatMap((value, index) => (value === null ? [] : [draw("circle", { class: `dot ${colour}`, cx: x(index), cy: y(value), r: values.length > 45 ? 1.5 : 2.5 }, draw("title", {}, told(value, index)))]));
  return [...runs.filter((run) => run.length > 1).map((run) => draw("polyline", { class: `line ${colour}`, points: run.map((point) => point.join(",")).join(" ") })), ...dots];
}

function table(names, series, days, word) {
  const head = make("tr", {}, make("th", { scope: "col" }, "Day"), names.map((name) => make("th", { scope: "col" }, word(name))));
  const rows = days.map((day, index) => make("tr", {}, make("th", { scope: "row" }, day), names.map((name) => make("td", {}, series[name][index] === null ? "–" : whole.format(series[name][index])))));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, rows));
}

/** Round numbers from 0 to at least `highest`. */
function scale(highest) {
  const rough = highest / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  return Array.from({ length: Math.ceil(highest / step - 1e-9) + 1 }, (_, index) => index * step);
}
