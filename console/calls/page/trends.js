// How calls change from day to day.
import { chart } from "./charts.js";
import { ask, make } from "./dom.js";
import { chosen, filters } from "./filters.js";
import { ENDS, named } from "./words.js";

const TRANSFERS = { answered: 1, ringing: 5, fetched: 5, requested: 0, no_answer: 2, busy: 3, failed: 4, none: 6 };

export async function showTrends(main, parameters, status) {
  document.title = "Trends of calls";
  const found = await ask(`trends?${chosen(parameters)}`);
  const form = filters("trends", parameters, status, ["text", "first_day", "last_day", "agent", "end_reason", "transfer"]);
  const { days, figures } = found;
  if (!days.length) return main.replaceChildren(form, make("p", { class: "card" }, "No call matches these filters."));
  const agent = (name) => name || "unknown agent";
  const charts = [
    { title: "Calls a day", unit: "", kind: "bars", series: figures.calls, word: agent },
    { title: "Median length, seconds", unit: "s", kind: "lines", series: figures.length_s, word: agent },
    { title: "First words of the agent, median, ms", unit: "ms", kind: "lines", series: figures.first_audio_ms, word: agent },
    { title: "First words of the agent, 95th percentile, ms", unit: "ms", kind: "lines", series: figures.first_audio_p95_ms, word: agent },
    { title: "Interruptions a call", unit: "", kind: "lines", series: figures.interruptions, word: agent },
    { title: "Holes in the sound, a call", unit: "", kind: "lines", series: figures.gaps, word: agent },
    { title: "Transfers by outcome", unit: "", kind: "bars", series: found.transfers, word: named, places: TRANSFERS },
    { title: "How calls ended", unit: "", kind: "bars", series: found.end_reasons, word: (name) => ENDS[name] ?? named(name) },
  ];
  const drawn = charts.filter(({ series }) => Object.keys(series).length).map((one) => chart({ ...one, days }));
  return main.replaceChildren(form, make("h2", { class: "visually-hidden" }, "Trends"), make("div", { class: "charts" }, drawn));
}
