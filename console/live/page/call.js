// One running call: its words as they come, and what was wanted of it.
import { byId, make, reconcile } from "../shared/dom.js";
import { clock, milliseconds, named, visible, whole } from "../shared/format.js";
import { ACTS } from "./acts.js";
import { tagsOf } from "./list.js";

/** @typedef {import("./types").Call} Call */
/** @typedef {import("./types").Words} Words */
/** @typedef {import("./types").Wanted} Wanted */

/** @param {Call} call @param {boolean} acts */
export function showCall(call, acts) {
  const title = `${call.from || "number unknown"} with ${call.agent || "no agent yet"}`;
  if (byId("call-title").textContent !== title) byId("call-title").textContent = visible(title);
  document.title = `${title} · running`;
  byId("call-tags").replaceChildren(make("span", { class: "figure" }, clock(call.now - call.started)), ...tagsOf(call));
  words(call);
  wanted(call.commands);
  facts(call);
  byId("acts").hidden = !acts || Boolean(call.over);
  choices(call);
}

/** The call is over: what was said stays in view. */
export function showOver() {
  byId("call-tags").replaceChildren(make("span", { class: "tag" }, "over"));
  byId("over").hidden = false;
  byId("acts").hidden = true;
}

/** Another call: nothing of the one before is left. */
export function clearCall() {
  for (const id of ["words", "done", "facts", "call-tags", "call-title"]) byId(id).replaceChildren();
  byId("done-card").hidden = true;
  byId("over").hidden = true;
  byId("acts").hidden = true;
  for (const form of document.forms) form.reset();
  for (const details of byId("acts").querySelectorAll("details")) details.open = false;
}

/** @param {Call} call */
function words(call) {
  byId("nothing-said").hidden = call.words.length > 0;
  const [scroll, list] = [byId("scroll"), byId("words")];
  const before = list.childElementCount;
  reconcile(
    list,
    call.words,
    (turn) => String(turn.index),
    (turn) => line(turn, call),
    (node, turn) => {
      const shown = JSON.stringify(turn);
      if (node.dataset.shown === shown) return;
      node.dataset.shown = shown;
      node.replaceChildren(...line(turn, call).childNodes);
    },
  );
  if (list.childElementCount !== before && byId("follow", HTMLInputElement).checked)
    scroll.scrollTop = scroll.scrollHeight;
}

/** @param {Words} turn @param {Call} call */
function line(turn, call) {
  const cut = turn.interrupted && turn.speaker === "agent";
  return make(
    "li",
    { class: turn.speaker === "agent" ? "agent" : "caller", "data-shown": JSON.stringify(turn) },
    make("span", { class: "at" }, turn.at ? clock(turn.at - call.started) : ""),
    make(
      "div",
      {},
      make("b", {}, `${turn.speaker} `),
      make("bdi", { class: "said", dir: "auto" }, visible(turn.text)),
      cut && make("span", { class: "cut" }, ` cut off after ${milliseconds(turn.heard_ms ?? 0)}`),
    ),
  );
}

/** @param {Wanted[]} commands */
function wanted(commands) {
  byId("done-card").hidden = !commands.length;
  /** @param {Wanted} one */
  const entry = (one) =>
    make(
      "li",
      {},
      make("b", {}, ACTS[one.do]?.title ?? named(one.do)),
      one.about ? make("bdi", {}, ` “${visible(one.about)}”`) : "",
      ` by ${visible(one.by)}: `,
      make("span", { class: OUTCOMES.get(one.outcome) ?? "tag" }, one.outcome),
      one.detail ? ` ${visible(one.detail)}` : "",
    );
  reconcile(
    byId("done"),
    commands,
    (one) => one.id,
    entry,
    (node, one) => {
      const now = entry(one);
      if (node.textContent !== now.textContent) node.replaceChildren(...now.childNodes);
    },
  );
}

const OUTCOMES = new Map([
  ["done", "tag good"],
  ["not done", "tag bad"],
  ["too late", "tag warn"],
]);

/** @param {Call} call */
function facts(call) {
  /** @type {[string, string | number | null | undefined][]} */
  const all = [
    ["Called", call.to],
    ["Agents so far", call.agents.map((one) => one.alias).join(", then ")],
    ["Vendor", call.vendor],
    ["Answers after", call.answer_ms === null ? "" : `${milliseconds(call.answer_ms)} (median)`],
    ["Interruptions", whole.format(call.state.interruptions ?? 0)],
    ["Tools", call.tools.map((one) => `${one.name}: ${one.status || "under way"}`).join(", ")],
    ["Relay", call.relay],
    ["CallSid", call.call_sid],
  ];
  const known = all.filter(([, value]) => value);
  const parts = known.flatMap(([name, value]) => [
    make("dt", {}, name),
    make("dd", {}, make("bdi", {}, visible(value))),
  ]);
  const now = make("dl", {}, ...parts);
  if (byId("facts").innerHTML !== now.innerHTML) byId("facts").replaceChildren(...now.childNodes);
}

/** The names that commands may use, as the relay tells them. @param {Call} call */
function choices(call) {
  const { choices: names, ambience } = call.state;
  options(
    "agents",
    (names?.agents ?? []).filter((name) => name !== call.agent),
  );
  options("announcements", names?.announcements ?? []);
  byId("say").hidden = !names?.announcements?.length;
  byId("ambience").hidden = !ambience;
  const open = byId("ambience", HTMLDetailsElement).open;
  if (ambience && !open) {
    byId("ambience-on", HTMLInputElement).checked = ambience.enabled;
    byId("volume", HTMLInputElement).value = String(ambience.volume);
  }
}

/** @param {string} id @param {string[]} names */
function options(id, names) {
  const select = byId(id, HTMLSelectElement);
  reconcile(
    select,
    names,
    (name) => name,
    (name) => make("option", { value: name }, name),
  );
  const details = select.closest("details");
  if (details && id === "agents") details.hidden = !names.length;
}
