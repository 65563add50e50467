// The page of running calls: it looks every other second, at an open call each second, and not at all while hidden.
import { ask, shownWhile } from "../shared/ask.js";
import { byId } from "../shared/dom.js";
import { listen } from "./acts.js";
import { clearCall, showCall, showOver } from "./call.js";
import { addressOf, showList } from "./list.js";

const POLL_MS = { list: 2000, call: 1000 };

/** @typedef {import("./types").Call} Call */
/** @typedef {import("./types").Listing} Listing */

let shown = "";
let round = 0;
let acts = false;
/** @type {Call | null} */
let open = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** The call in the address, or "" for the list. */
const wanted = () => location.hash.replace(/^#\/?/, "");
const messageOf = (/** @type {unknown} */ error) => (error instanceof Error ? error.message : String(error));

async function look() {
  clearTimeout(timer);
  const mine = ++round;
  const address = wanted();
  const first = address !== shown || byId("list").hidden === byId("call").hidden;
  if (first) turnTo(address);
  try {
    const looked = address ? lookAtCall(address, mine) : lookAtList(mine);
    await (first ? shownWhile(byId("main"), looked) : looked);
    if (mine === round) byId("notice").hidden = true;
  } catch (error) {
    if (mine !== round) return;
    byId("notice").hidden = false;
    byId("notice").textContent = messageOf(error);
  }
  const goesOn = !address || byId("over").hidden;
  if (mine === round && goesOn && !document.hidden) timer = setTimeout(look, address ? POLL_MS.call : POLL_MS.list);
}

/** @param {string} address */
function turnTo(address) {
  shown = address;
  open = null;
  clearCall();
  byId("problem").hidden = true;
  byId("list").hidden = Boolean(address);
  byId("call").hidden = !address;
}

/** @param {number} mine */
async function lookAtList(mine) {
  const listing = /** @type {Listing} */ (await ask("calls"));
  if (mine !== round) return;
  about(listing);
  showList(listing);
}

/** @param {string} address @param {number} mine */
async function lookAtCall(address, mine) {
  if (!byId("who").textContent) about(/** @type {Listing} */ (await ask("calls")));
  const numbers = byId("numbers", HTMLInputElement).checked ? "?numbers=whole" : "";
  const call = /** @type {Call | import("./types").Gone} */ (await ask(`calls/${address}${numbers}`));
  if (mine !== round) return;
  if (call.gone) {
    open = null;
    showOver();
  } else {
    open = call;
    showCall(call, acts);
  }
}

/** @param {Listing} listing */
function about(listing) {
  acts = listing.acts;
  byId("store").textContent = listing.store;
  byId("who").textContent = acts ? `you act as ${listing.by}` : "look only";
}

listen(
  () => (open ? { address: addressOf(open), caller: open.from || "the caller" } : null),
  () => {
    byId("problem").hidden = true;
    look();
  },
  (problem) => {
    byId("problem").hidden = false;
    byId("problem").textContent = messageOf(problem);
  },
);
addEventListener("hashchange", () => {
  look();
  byId("main").focus({ preventScroll: true });
});
byId("numbers").addEventListener("change", look);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});
await look();
