// The page: which view the address asks for, and how far the index is. Views stay; only what they show is replaced.
import { ask, ConsoleError } from "../shared/ask.js";
import { byId, make } from "../shared/dom.js";
import { counted, HERE, setZone, whole, zone } from "../shared/format.js";
import { hashOf, here } from "./address.js";
import { CallView } from "./call.js";
import { Filters } from "./filters.js";
import { ListView, PAGE } from "./list.js";
import { OverviewView } from "./overview.js";
import { TrendsView } from "./trends.js";

/** @typedef {import("./types").Status} Status */

const POLL_MS = { busy: 700, idle: 15_000 };
const VIEWS = ["overview", "calls", "trends", "call"];
const ZONES = ["UTC", "Asia/Kolkata", "Asia/Dubai", "Asia/Singapore", "Europe/London", "America/New_York"];

/** @type {Status | null} */
let status = null;
let navigation = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let poll;
let shown = "";
let lastList = hashOf("calls");

const filters = new Filters(() => show());
const list = new ListView();
const overview = new OverviewView();
const trends = new TrendsView(() => show());
const call = new CallView();

/** Show what the address asks for. @param {{rows?: number, y?: number}} [place] where Back leads to */
async function show(place) {
  const address = here();
  const name = address.callSid ? "call" : VIEWS.includes(address.view) ? address.view : "overview";
  const mine = ++navigation;
  // A slow answer to an earlier question must not replace a later one's.
  const isCurrent = () => mine === navigation;
  complain("");
  if (shown === "call" && name !== "call") call.leave();
  for (const view of VIEWS) byId(view).hidden = view !== name;
  shown = name;
  for (const link of document.querySelectorAll("nav a")) {
    if (!(link instanceof HTMLAnchorElement)) continue;
    const view = link.dataset.view ?? "";
    link.href = hashOf(view, address.callSid ? new URLSearchParams(lastList.split("?")[1]) : address.filters);
    if (view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  byId("all-calls", HTMLAnchorElement).href = lastList;
  filters.show(address.filters, name !== "call");
  try {
    status ??= await ask("status");
    if (!status || !isCurrent()) return;
    filters.update(status);
    filters.show(address.filters, name !== "call");
    if (name === "calls") {
      lastList = hashOf("calls", address.filters);
      await list.show(address.filters, status, place?.rows ?? PAGE, isCurrent);
    } else if (name === "trends") await trends.show(address, isCurrent);
    else if (name === "overview") await overview.show(address.filters, isCurrent);
    else await call.show(address.callSid, address.parameters, isCurrent);
    if (isCurrent() && place?.y !== undefined) {
      scrollTo(0, place.y);
      remember();
    }
  } catch (error) {
    if (isCurrent()) complain(messageOf(error));
  }
}

/** @param {unknown} error */
const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/** @param {string} sentence */
function complain(sentence) {
  byId("problem").textContent = sentence;
  byId("problem").hidden = !sentence;
}

/** One failed poll is not the end: it is said, and asked again. */
async function follow() {
  clearTimeout(poll);
  const notice = byId("notice");
  try {
    const before = status;
    /** @type {Status} */
    const found = await ask("status");
    status = found;
    notice.hidden = !found.error;
    notice.textContent = found.error;
    byId("store").textContent = found.store;
    if (found.published) asPublished();
    const total = found.agent.reduce((sum, [, count]) => sum + count, 0);
    byId("progress").textContent =
      found.busy && found.to_do
        ? `reading ${whole.format(found.done)} of ${counted(found.to_do, "call")}`
        : counted(total, "call");
    byId("waiting-now").hidden = !found.waiting;
    byId("waiting-now").textContent = `${counted(found.waiting, "caller waits", "callers wait")} for a human`;
    filters.update(found);
    const changed = before && before.changes !== found.changes;
    if (changed && shown === "calls") await show();
  } catch (error) {
    notice.hidden = false;
    notice.textContent = messageOf(error);
    if (!(error instanceof ConsoleError && error.gone)) return;
  }
  poll = setTimeout(follow, status?.busy ? POLL_MS.busy : POLL_MS.idle);
}

/** A team's page only reads, and shows no number whole. */
function asPublished() {
  byId("refresh").hidden = true;
  byId("store").hidden = true;
  byId("numbers").closest("label")?.setAttribute("hidden", "");
  byId("logout").hidden = false;
}

/** Where somebody is goes with the address that they leave, for Back. */
function remember() {
  history.replaceState({ y: scrollY, rows: list.rows }, "");
}

byId("refresh").addEventListener("click", async () => {
  byId("progress").textContent = "looking…";
  await ask("refresh", { method: "POST" }).catch((error) => complain(messageOf(error)));
  await follow();
  await show();
});

const zones = byId("zone", HTMLSelectElement);
for (const name of new Set([HERE, zone(), ...ZONES])) {
  zones.append(make("option", { value: name }, name === HERE ? `${name} (here)` : name));
}
zones.value = zone();
zones.addEventListener("change", () => {
  setZone(zones.value);
  location.reload();
});

history.scrollRestoration = "manual";
/** @type {ReturnType<typeof setTimeout> | undefined} */
let scrolled;
addEventListener("scroll", () => {
  clearTimeout(scrolled);
  scrolled = setTimeout(remember, 150);
});
addEventListener("pagehide", remember);
document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest('a[href^="#"]')) remember();
});
let byBack = false;
addEventListener("popstate", (event) => {
  byBack = event.state !== null;
  show(event.state ?? { y: 0 });
});
addEventListener("hashchange", () => {
  // A link was followed: what it leads to begins at its top, and is what is read next.
  if (!byBack) byId("main").focus({ preventScroll: true });
  byBack = false;
});
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  complain(messageOf(event.reason));
});
await show(history.state ?? undefined);
await follow();
