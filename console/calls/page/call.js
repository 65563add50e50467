// One call: why it failed if it did, what happened beside its sound, and everything else that is known.
import { ask, shownWhile } from "../shared/ask.js";
import { byId, make } from "../shared/dom.js";
import { clock, counted, milliseconds, named, timeOfDay, visible, whenInFull, whole } from "../shared/format.js";
import { Player } from "./player.js";
import { Timeline } from "./timeline.js";
import { endClass, endName, lookupName, tagged, transferClass } from "./words.js";

/** @typedef {import("./types").Call} Call */
/** @typedef {import("./types").TurnItem} TurnItem */
/** @typedef {import("../shared/dom.js").Child} Child */

/** @type {Record<string, string>} */
const QUALITY = {
  first_audio_ms: "First words heard after",
  agent_connect_ms: "Agent connected after",
  interruptions: "Interruptions",
  failed_turns: "Turns the vendor could not make",
  clear_ms_max: "Slowest clear",
  gaps: "Holes in the sound",
  gap_ms: "… together",
  late_audio_dropped_ms: "Late speech dropped",
  caller_audio_dropped_ms: "Caller's sound dropped",
  caller_gap_ms: "Caller's sound that was missing",
  caller_lost: "Caller's messages that never came",
  frames_in: "Frames from the line",
  frames_out: "Frames to the line",
  dtmf: "Keys pressed",
  marks_lost: "Marks lost",
  malformed: "Malformed messages",
  unknown_events: "Unknown events",
  answer_ms: "Answers heard after",
  line_ms: "The line's round trip",
  line_late_ms: "The line was late by",
  lead_ms: "Held ahead on the line",
  echo_ms: "Echo came after",
  echo_db: "Echo, dB",
  echo_muted_ms: "Echo kept from the agent",
};
const ALWAYS = ["gaps", "interruptions"];
const LOUDNESS = ["caller_level_db", "caller_clipped", "ambience_level_db"]; // have a table of their own

export class CallView {
  #box = byId("call");
  #numbers = byId("numbers", HTMLInputElement);
  #timeline = new Timeline((seconds) => this.#player.seek(seconds, true));
  #player = new Player((seconds, playing) => this.#timeline.at(seconds, playing));
  #callSid = "";
  /** @type {import("./types").Sound | null} */
  #sound = null;

  constructor() {
    // The sound plays on: only the texts are asked for again.
    this.#numbers.addEventListener("change", () => this.#load(() => true));
    byId("copy-link").addEventListener("click", () => this.#copyLink());
  }

  /** @param {string} callSid @param {URLSearchParams} parameters `t`: a moment, in seconds
   * @param {() => boolean} isCurrent */
  async show(callSid, parameters, isCurrent) {
    if (callSid !== this.#callSid) {
      this.leave();
      this.#callSid = callSid;
      this.#numbers.checked = false;
      this.#timeline.clear();
    }
    await this.#load(isCurrent);
    const moment = Number(parameters.get("t"));
    if (isCurrent() && moment > 0) this.#player.seek(moment);
  }

  leave() {
    this.#player.stop();
    this.#callSid = "";
    this.#sound = null;
  }

  /** @param {() => boolean} isCurrent */
  async #load(isCurrent) {
    const callSid = this.#callSid;
    const path = `calls/${encodeURIComponent(callSid)}`;
    const call = /** @type {Call} */ (
      await shownWhile(this.#box, ask(`${path}?numbers=${this.#numbers.checked ? "whole" : "masked"}`))
    );
    if (!isCurrent() || callSid !== this.#callSid) return;
    const turns = /** @type {TurnItem[]} */ (call.timeline.filter(({ kind }) => kind === "turn"));
    this.#draw(call);
    this.#player.load(path, turns, lengthOf(call, this.#sound));
    if (this.#sound) return;
    // The words do not wait for the sound, which may have to be fetched from a bucket.
    ask(`${path}/waveform`)
      .catch((error) => ({ channels: [], problem: error.message }))
      .then((sound) => {
        if (callSid !== this.#callSid) return;
        this.#sound = sound;
        this.#player.sounds(path, sound, turns, lengthOf(call, sound));
      });
  }

  /** @param {Call} call */
  #draw(call) {
    const { record } = call;
    document.title = `Call of ${whenInFull(record.started_at)}`;
    byId("call-title").textContent = whenInFull(record.started_at);
    byId("call-tags").replaceChildren(...tags(call));
    const problem = byId("call-problem");
    problem.hidden = !call.problem;
    problem.textContent = visible(call.problem);
    byId("cause").hidden = !call.cause;
    byId("cause-sentence").textContent = visible(call.cause?.sentence);
    byId("cause-advice").textContent = call.cause?.advice ?? "";
    byId("failovers").replaceChildren(...call.failovers.map((sentence) => make("li", {}, visible(sentence))));
    for (const kind of ["json", "txt", "html"]) {
      byId(`send-${kind}`, HTMLAnchorElement).href = `api/calls/${encodeURIComponent(call.call_sid)}/sent.${kind}`;
    }
    byId("send-sound", HTMLAnchorElement).href = `api/calls/${encodeURIComponent(call.call_sid)}/sound`;
    this.#timeline.show(call.timeline);
    byId("side").replaceChildren(
      ...kept([
        transfer(record.transfer),
        quality(record.quality),
        loudness(call.loudness),
        lookup(record.lookup),
        analysis(record.analysis),
        costs(call.cost),
        facts(record),
      ]),
    );
    raw(call);
  }

  async #copyLink() {
    const at = Math.floor(this.#player.nowS);
    const link = `${location.origin}/#/calls/${encodeURIComponent(this.#callSid)}${at ? `?t=${at}` : ""}`;
    await navigator.clipboard.writeText(link);
    byId("copied").textContent = `Copied: a link to ${clock(at)}`;
  }
}

/** @param {Call} call @param {import("./types").Sound | null} sound */
function lengthOf(call, sound) {
  const ends = call.timeline.map((item) => (item.at_ms + (item.kind === "turn" ? item.length_ms : 0)) / 1000);
  const ofTurns = call.timeline.some(({ kind }) => kind === "turn")
    ? Math.max(0, ...ends.filter((_, index) => call.timeline[index]?.kind === "turn"))
    : 0;
  return Math.max(call.record.duration_s ?? 0, (sound?.offset_ms ?? 0) / 1000 + (sound?.duration_s ?? 0), ofTurns);
}

/** @param {Call} call */
function tags({ record, running }) {
  const agent = record.agent?.alias ?? record.agent?.id ?? "no agent";
  const end = running ? "running" : record.end_reason;
  return kept([
    make("bdi", {}, record.from || "unknown caller"),
    " → ",
    make("bdi", {}, record.to || "unknown"),
    make("span", { class: "tag" }, make("bdi", {}, visible(agent))),
    record.duration_s ? make("span", { class: "tag" }, clock(record.duration_s)) : "",
    make("span", { class: endClass(end) }, endName(end)),
    record.transfer
      ? make("span", { class: transferClass(record.transfer.state) }, `transfer: ${named(record.transfer.state)}`)
      : "",
    ...(record.tags ?? []).filter((tag) => typeof tag === "string").map((tag) => tagged("a", tag)),
  ]);
}

/** What was asked of the user's server before the greeting. @param {import("./types").Record_["lookup"]} found */
function lookup(found) {
  if (!found) return "";
  /** @type {[string, Child | Child[]][]} */
  const entries = [
    ["Answer", lookupName(found.outcome)],
    ["Took", milliseconds(found.ms ?? 0)],
  ];
  if (found.problem) entries.push(["Problem", make("bdi", {}, visible(found.problem))]);
  return section("Look-up before the greeting", table(entries));
}

/** @param {(Node | string)[]} parts */
const kept = (parts) => parts.filter((part) => part !== "");

/** @param {string} name @param {...(Child | Child[])} content */
function section(name, ...content) {
  return make("section", { class: "card" }, make("h3", {}, name), ...content);
}

/** @param {[string, Child | Child[]][]} entries */
function table(entries) {
  return make(
    "dl",
    { class: "facts" },
    entries.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
  );
}

/** @param {import("./types").Cost | null} cost */
function costs(cost) {
  if (!cost) return "";
  const money = new Intl.NumberFormat(undefined, {
    style: "currency",
    currency: cost.currency,
    maximumFractionDigits: 4,
  });
  /** @type {[string, Child | Child[]][]} */
  const rows = cost.parts.map(({ name, amount, how }) => [
    named(name),
    [amount === null ? "unknown" : money.format(amount), make("div", { class: "faint" }, visible(how))],
  ]);
  const sum = cost.total === null ? `${money.format(cost.known)} and unknown costs` : money.format(cost.total);
  return section("Cost", table([...rows, ["sum", sum]]));
}

/** @param {import("./types").Transfer | null | undefined} wish */
function transfer(wish) {
  if (!wish) return "";
  const asked = make(
    "li",
    { dir: "auto" },
    make("b", {}, wish.target ? `Asked for: ${visible(wish.target)}` : "Asked for a human"),
    wish.reason ? make("div", {}, `because: ${visible(named(wish.reason))}`) : "",
    wish.refusal ? make("div", { class: "bad" }, `refused: ${visible(wish.refusal)}`) : "",
    wish.summary ? make("div", { class: "faint" }, visible(wish.summary)) : "",
  );
  const attempts = (wish.attempts ?? []).map((attempt) =>
    make(
      "li",
      {},
      make("span", { class: transferClass(attempt.state) }, named(attempt.state)),
      ` ${attempt.number}`,
      attempt.duration_s ? `, talked ${clock(attempt.duration_s)}` : "",
    ),
  );
  const outcome = make("li", {}, "Outcome: ", make("span", { class: transferClass(wish.state) }, named(wish.state)));
  return section("Transfer", make("ol", { class: "path" }, asked, ...attempts, outcome));
}

/** A measured time, or the median of several. @param {number | import("./types").Spread} value */
function duration(value) {
  if (typeof value === "number") return milliseconds(value);
  return `${milliseconds(value.p50)}, 95 % within ${milliseconds(value.p95)}`;
}

/** @param {import("./types").Record_["quality"]} figures */
function quality(figures) {
  if (!figures) {
    return section("Quality", make("p", { class: "faint" }, "Not reported: the relay may have died in this call."));
  }
  /** @type {[string, string][]} */
  const shown = Object.entries(figures)
    .filter(([name, value]) => value !== null && (value !== 0 || ALWAYS.includes(name)) && !LOUDNESS.includes(name))
    .map(([name, value]) => [
      QUALITY[name] ?? named(name),
      /_ms(_max)?$/.test(name) ? duration(value ?? 0) : whole.format(Number(value ?? 0)),
    ]);
  return section("Quality", table(shown));
}

/** @param {import("./types").Loudness[]} sides */
function loudness(sides) {
  if (!sides.length) return "";
  /** @type {[string, Child[]][]} */
  const entries = sides.map(({ who, level_db, gain_db, clipped, hint }) => [
    visible(who),
    [
      `${whole.format(level_db)} dB of full scale`,
      gain_db ? ` (${gain_db > 0 ? "+" : ""}${whole.format(gain_db)} dB by the relay)` : "",
      clipped ? `, ${counted(clipped, "sample")} at full scale` : "",
      hint ? make("div", { class: "faint" }, visible(hint)) : "",
    ],
  ]);
  return section("Loudness", table(entries));
}

/** A value of any kind as text. @param {unknown} value */
function told(value) {
  if (value === null || value === undefined || value === "") return "–";
  return visible(typeof value === "object" ? JSON.stringify(value) : value);
}

/** @param {import("./types").Record_["analysis"]} found */
function analysis(found) {
  if (!found) return "";
  /** @param {string} name @param {unknown} value @param {string | undefined} why @returns {[string, Child[]]} */
  const entry = (name, value, why) => [
    visible(named(name)),
    [make("bdi", {}, told(value)), why ? make("div", { class: "faint", dir: "auto" }, visible(why)) : ""],
  ];
  /** @type {[string, Child | Child[]][]} */
  const entries = [];
  if (found.call_successful) entries.push(["Successful", told(found.call_successful)]);
  if (found.transcript_summary) entries.push(["Summary", make("bdi", {}, visible(found.transcript_summary))]);
  for (const [name, result] of Object.entries(found.data_collection_results ?? {})) {
    entries.push(entry(name, result?.value, result?.rationale));
  }
  for (const [name, result] of Object.entries(found.evaluation_criteria_results ?? {})) {
    entries.push(entry(name, result?.result, result?.rationale));
  }
  return entries.length ? section("The vendor's analysis", table(entries)) : "";
}

/** @param {import("./types").Record_} record */
function facts(record) {
  /** @type {[string, unknown][]} */
  const entries = [
    ["Call", record.call_sid],
    ["Stream", record.stream_sid],
    ["Conversation", record.conversation_id],
    ["Ended by", record.ended_by],
    ["Detail", record.end_detail],
    ["Agents' file", record.agents_version],
    ["Version of the agent", record.vendor_version],
    ["Known from", (record.sources ?? []).join(", ")],
  ];
  const agents = (record.agents ?? []).map((agent) => {
    const detail = agent.end_detail ? ` (${agent.end_detail})` : "";
    return `${agent.alias || agent.id}: ${named(agent.end_reason) || "?"}${detail}`;
  });
  if (agents.length > 1) entries.push(["Agents", agents.join(", then ")]);
  const known = entries.filter(([, value]) => value);
  return section("Ids", table(known.map(([name, value]) => [name, make("code", {}, told(value))])));
}

/** The record and what it was made of, each opened when it is wanted. @param {Call} call */
function raw(call) {
  /** @param {string} kind @param {string} name @param {unknown} body @param {number | null} at */
  const piece = (kind, name, body, at) => {
    const time = at ? make("span", { class: "faint" }, ` ${timeOfDay(at)}`) : "";
    const details = make("details", {}, make("summary", {}, make("b", {}, kind), " ", make("code", {}, name), time));
    details.addEventListener("toggle", () => {
      if (details.children.length > 1) return;
      const text = typeof body === "string" ? body : JSON.stringify(body, null, 2);
      details.append(make("pre", { tabindex: 0, "aria-label": name }, visible(text)));
    });
    return details;
  };
  const pieces = call.raw.map(({ key, folder, body, at }) => {
    const type = body && typeof body === "object" && "type" in body ? named(body.type) : "";
    return piece(type || named(folder), key.replace(`calls/${call.call_sid}/`, ""), body, at);
  });
  byId("raw-count").textContent = counted(pieces.length, "piece");
  byId("raw").replaceChildren(piece("record", "logs", call.record, null), ...pieces);
}
