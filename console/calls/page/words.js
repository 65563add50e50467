// What states are called, and the colour that each has everywhere: in the list, on a call's page, in trends.
import { make } from "../shared/dom.js";
import { named, visible } from "../shared/format.js";
import { hashOf } from "./address.js";

/** @type {Record<string, string>} */
const ENDS = {
  agent_ended: "agent said goodbye",
  caller_hung_up: "caller hung up",
  transferred: "handed over",
  agent_failed: "agent failed",
  line_lost: "line lost",
  line_stalled: "line stalled",
  unknown_agent: "unknown agent",
  unsupported_format: "unknown format",
  time_limit: "time limit",
  rejected: "rejected",
  operator_ended: "ended by a person",
  caller_silent: "caller said nothing",
  shutdown: "relay shut down",
  replaced: "stream replaced",
  relay_lost: "relay lost",
  running: "running now",
  "": "unknown",
};
/** @type {Record<string, string>} */
const TRANSFERS = {
  answered: "good",
  busy: "bad",
  no_answer: "bad",
  failed: "bad",
  none: "bad",
  requested: "warn",
  fetched: "warn",
  ringing: "warn",
};
/** @type {Record<string, number>} */
const TRANSFER_PLACES = {
  answered: 1,
  ringing: 5,
  fetched: 5,
  requested: 0,
  no_answer: 2,
  busy: 3,
  failed: 4,
  none: 6,
};
/** @type {Record<string, string>} */
const CAUSES = {
  credit_used_up: "credit used up",
  key_refused: "API key refused",
  vendor_busy: "vendor at capacity",
  agent_unknown: "unknown agent",
  vendor_unreachable: "vendor not reachable",
  vendor_fault: "vendor's fault",
  conversation_refused: "conversation refused",
  agent_lost: "connection to the agent lost",
  agent_format: "agent's audio format",
  agent_silent: "agent never heard",
  defect: "error in the relay",
};
/** @type {Record<string, string>} */
const LOOKUPS = {
  ok: "used",
  partly: "used in part",
  timeout: "no answer in time",
  failed: "not reached",
  redirect: "a redirect, not followed",
  too_large: "answer too large",
  malformed: "answer not readable",
};
/** @type {Record<string, number>} */
const CAUSE_HUES = {
  credit_used_up: 45,
  key_refused: 20,
  vendor_busy: 75,
  agent_unknown: 100,
  vendor_unreachable: 275,
  vendor_fault: 320,
  conversation_refused: 250,
  agent_lost: 225,
  agent_format: 130,
  agent_silent: 200,
  defect: 0,
  transfer_no_answer: 32,
  transfer_busy: 58,
  transfer_failed: 340,
  transfer_none: 180,
};

/** @param {string | null | undefined} reason */
export const endName = (reason) => ENDS[reason ?? ""] ?? named(reason);
/** @param {string | null | undefined} reason */
export const endClass = (reason) => `tag end ${(reason ?? "") in ENDS ? `end-${reason || "unknown"}` : "end-unknown"}`;
/** @param {string} state */
export const transferClass = (state) => `tag ${TRANSFERS[state] ?? ""}`;
/** The place of a state among a chart's colours. @param {string} state */
export const transferPlace = (state) => TRANSFER_PLACES[state] ?? 6;
/** @param {string} kind */
export const causeName = (kind) => CAUSES[kind] ?? named(kind);
/** A cause that is an end of its own has that end's colour. @param {string} kind */
export const causeClass = (kind) => (kind in ENDS ? `end-${kind}` : "");
/** The hue of every other cause, the same in every chart. @param {string} kind */
export const causeHue = (kind) => (kind in ENDS ? undefined : (CAUSE_HUES[kind] ?? 150));
/** How a look-up before the greeting went. @param {string | null | undefined} outcome */
export const lookupName = (outcome) => LOOKUPS[outcome ?? ""] ?? named(outcome).replace(/^http /, "status ");
/** @param {string} speaker */
export const speakerName = (speaker) =>
  ({ agent: "Agent", caller: "Caller" })[speaker] ?? (named(speaker) || "Somebody");
/** A look-up's tag: a `span` where its row is a link, else an `a` to the calls that have it.
 * @param {"span" | "a"} element @param {string} tag */
export const tagged = (element, tag) =>
  make(
    element,
    { class: "tag", href: element === "a" ? hashOf("calls", { tag }) : null },
    make("bdi", {}, visible(tag)),
  );
