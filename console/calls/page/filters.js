// The filters above the list and the trends; what they are set to is the address, so that Back and bookmarks work.
import { make } from "./dom.js";
import { ENDS, named } from "./words.js";

const FIELDS = ["text", "first_day", "last_day", "agent", "end_reason", "transfer", "min_s", "max_s", "unreadable", "order"];

/** Only what the console knows as a filter. */
export function chosen(parameters) {
  return new URLSearchParams(FIELDS.flatMap((name) => (parameters.get(name) ? [[name, parameters.get(name)]] : [])));
}

/** @param {string} view where the form leads: "calls" or "trends" @param {string[]} fields which of FIELDS to show */
export function filters(view, parameters, status, fields) {
  const selects = {
    agent: ["Agent", status.agent, (value) => value || "unknown"],
    end_reason: ["Ended", status.end_reason, (value) => ENDS[value] ?? named(value)],
    transfer: ["Transfer", status.transfer, (value) => (value ? named(value) : "without")],
  };
  const [oldest, newest] = status.days;
  const day = (name, label) => make("label", {}, label, make("input", { type: "date", name, value: parameters.get(name) ?? "", min: oldest, max: newest }));
  const controls = {
    text: () => make("label", { class: "text" }, "Search words, numbers, ids", make("input", { type: "search", name: "text", value: parameters.get("text") ?? "", placeholder: "appointment friday", autocomplete: "off" })),
    first_day: () => day("first_day", "From"),
    last_day: () => day("last_day", "To"),
    min_s: () => make("label", {}, "Length, seconds", make("span", { class: "pair" }, bound("min_s", "min"), bound("max_s", "max"))),
    order: () => {
      const orders = { newest: "newest first", oldest: "oldest first", longest: "longest first", interrupted: "most interrupted" };
      return make("label", {}, "Order", select("order", Object.entries(orders), parameters.get("order") ?? "newest"));
    },
    unreadable: () =>
      status.unreadable || parameters.get("unreadable")
        ? make("label", {}, "Records", select("unreadable", [["", "all"], ["1", `damaged (${status.unreadable})`]], parameters.get("unreadable") ?? ""))
        : null,
  };
  for (const [name, [label, counts, word]] of Object.entries(selects)) {
    const options = counts.map(([value, count]) => [value || "-", `${word(value)} (${count})`]);
    const set = parameters.get(name);
    if (set && !options.some(([value]) => value === set)) options.push([set, `${word(set)} (0)`]); // from a bookmark
    controls[name] = () => make("label", {}, label, select(name, [["", "all"], ...options], parameters.get(name) ?? ""));
  }
  function bound(name, label) {
    return make("input", { type: "number", name, min: 0, step: 1, value: parameters.get(name) ?? "", placeholder: label, "aria-label": `Length, seconds, ${label}` });
  }
  const [first, ...others] = fields.map((name) => controls[name]());
  // On a phone the list is what counts: there the filters are folded, unless one is set.
  const open = matchMedia("(min-width: 861px)").matches || chosen(parameters).size > 0;
  const more = make("details", { open }, make("summary", {}, "Filters and order"), make("div", { class: "fields" }, others));
  const form = make("form", { class: "filters card", role: "search" }, first, more);
  let drawn = new FormData(form);
  // While the answer to a newer address is on its way, the form shows an older one: only what somebody changes in it
  // counts, the rest is as the address says.
  const go = () => {
    const address = new URLSearchParams(location.hash.split("?")[1]);
    const now = new FormData(form);
    const wanted = [...now].map(([name, value]) => [name, value === drawn.get(name) ? (address.get(name) ?? "") : value]);
    drawn = now;
    const query = chosen(new URLSearchParams(wanted.filter(([, value]) => value && value !== "newest")));
    location.hash = `#/${view}${query.size ? `?${query}` : ""}`;
  };
  form.addEventListener("change", go);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go();
  });
  return form;
}

function select(name, options, value) {
  return make("select", { name }, options.map(([key, label]) => make("option", { value: key, selected: key === value }, label)));
}
