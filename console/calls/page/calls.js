// The page: which view the address asks for, and how far the index is.
import { showCall } from "./call.js";
import { ask } from "./dom.js";
import { showList } from "./list.js";
import { showTrends } from "./trends.js";
import { whole } from "./words.js";

const element = (id) => document.getElementById(id);
const POLL_MS = { busy: 700, idle: 15_000 };

let status = null;
let leave = () => {};
let navigation = 0;
let poll = 0;

async function route() {
  const [path, query] = location.hash.slice(1).split("?");
  const [, view = "calls", callSid] = path.split("/");
  const parameters = new URLSearchParams(query);
  const mine = ++navigation;
  // A slow answer to an earlier question must not replace a later one's.
  const main = { replaceChildren: (...nodes) => mine === navigation && element("view").replaceChildren(...nodes) };
  leave();
  leave = () => {};
  complain("");
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#/${view}` && !callSid) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    status ??= await ask("status");
    if (view === "trends") await showTrends(main, parameters, status);
    else if (callSid) leave = await showCall(main, callSid);
    else await showList(main, parameters, status);
  } catch (error) {
    complain(error.message);
  }
}

function complain(sentence) {
  element("problem").textContent = sentence;
  element("problem").hidden = !sentence;
}

async function follow() {
  clearTimeout(poll);
  try {
    const before = status;
    status = await ask("status");
    element("store").textContent = status.store;
    const total = status.agent.reduce((sum, [, count]) => sum + count, 0);
    element("progress").textContent = status.busy && status.to_do ? `reading ${whole.format(status.done)} of ${whole.format(status.to_do)} calls` : `${whole.format(total)} calls`;
    if (status.error) complain(status.error);
    const changed = before && (before.finished_at !== status.finished_at || before.done !== status.done) && status.done > 0;
    // A list somebody has scrolled or paged stays as it is; they asked for it.
    if (changed && scrollY < 100 && !location.hash.startsWith("#/calls/") && !document.activeElement?.matches("input, select, .more")) await route();
  } catch (error) {
    complain(error.message);
    return;
  }
  poll = setTimeout(follow, status.busy ? POLL_MS.busy : POLL_MS.idle);
}

element("refresh").addEventListener("click", async () => {
  element("progress").textContent = "looking…";
  await ask("refresh", { method: "POST" }).catch((error) => complain(error.message));
  await follow();
  await route();
});
addEventListener("hashchange", async () => {
  await route();
  element("view").focus({ preventScroll: true });
  scrollTo(0, 0);
});
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  complain(event.reason.message);
});
await route();
await follow();
