// The planner: sliders, and what they come to. The arithmetic is the console's; the address holds what is set.
import { ask, shownWhile } from "../shared/ask.js";
import { byId, make, settled } from "../shared/dom.js";
import { counted, whole } from "../shared/format.js";

/** @typedef {import("./types").Plan} Plan */
/** @typedef {import("./types").Cloud} Cloud */

const AFTER_MS = 120;
const SLIDERS = ["calls", "call_minutes", "busy_share", "peaks"];
const dollars = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD" });
let asked = 0;

/** Calls go by powers of ten: from a hundred to a million on one slider. @param {number} place */
const callsOf = (place) => Number((10 ** place).toPrecision(2));

/** @returns {URLSearchParams} what is asked for */
function chosen() {
  const query = new URLSearchParams();
  for (const name of SLIDERS) {
    const value = Number(byId(name, HTMLInputElement).value);
    query.set(name, String(name === "calls" ? callsOf(value) : value));
  }
  query.set("vendor", byId("vendor", HTMLSelectElement).value);
  return query;
}

function tell() {
  const query = chosen();
  byId("calls-value").textContent = counted(Number(query.get("calls")), "call");
  byId("call_minutes-value").textContent = counted(Number(query.get("call_minutes")), "minute");
  byId("busy_share-value").textContent = `${query.get("busy_share")} %`;
  byId("peaks-value").textContent = counted(Number(query.get("peaks")), "day");
}

async function show() {
  const mine = ++asked;
  const query = chosen();
  history.replaceState(null, "", `#${query}`);
  const problem = byId("problem");
  try {
    const plan = /** @type {Plan} */ (await shownWhile(byId("result"), ask(`plan?${query}`)));
    if (mine !== asked) return;
    problem.hidden = true;
    byId("load").textContent =
      `${counted(plan.calls, "call")} at the busiest moment, ${whole.format(plan.minutes)} minutes a month; ` +
      `${counted(plan.agent_sessions, "conversation")} at once at the vendor`;
    byId("clouds").replaceChildren(...Object.values(plan.clouds).map(bill));
    byId("assumptions").replaceChildren(...plan.assumptions.map((line) => make("li", {}, line)));
  } catch (error) {
    if (mine !== asked) return;
    problem.hidden = false;
    problem.textContent = error instanceof Error ? error.message : String(error);
  }
}

/** @param {Cloud} cloud */
function bill(cloud) {
  const rows = Object.entries(cloud.parts).map(([part, usd]) =>
    make("tr", {}, make("th", { scope: "row" }, part), make("td", {}, dollars.format(usd))),
  );
  const sum = cloud.with_minutes ? "Sum, with the minutes at list prices" : "Sum, infrastructure only";
  const head = make("th", { scope: "row" }, sum);
  rows.push(make("tr", { class: "sum" }, head, make("td", {}, dollars.format(cloud.usd_a_month))));
  if (cloud.usd_a_minute !== null) {
    const minute = make("th", { scope: "row" }, "A call minute");
    rows.push(make("tr", {}, minute, make("td", {}, `$${cloud.usd_a_minute.toFixed(4)}`)));
  }
  return make(
    "section",
    { class: "card" },
    make("h2", {}, `${cloud.name}, a month`),
    make("table", {}, make("tbody", {}, rows)),
    make("p", { class: "faint" }, `${counted(cloud.relays, "relay")} at the peak, ${cloud.always} always running.`),
    ...cloud.advice.map((line) => make("p", { class: "faint" }, line)),
  );
}

function restore() {
  const query = new URLSearchParams(location.hash.slice(1));
  for (const name of SLIDERS) {
    const value = Number(query.get(name));
    if (value > 0) byId(name, HTMLInputElement).value = String(name === "calls" ? Math.log10(value) : value);
  }
  const vendor = query.get("vendor");
  if (vendor) byId("vendor", HTMLSelectElement).value = vendor;
}

const soon = settled(show, AFTER_MS);
byId("sliders").addEventListener("input", () => {
  tell();
  soon();
});
restore();
tell();
await show();
