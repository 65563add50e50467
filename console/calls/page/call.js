// One call: what was said beside its sound, what was heard of it, and everything else that is known.
import { ask, make } from "./dom.js";
import { Waveform } from "./waveform.js";
import { clock, ENDS, endClass, milliseconds, named, transferClass, whenInFull, whole } from "./words.js";

const QUALITY = {
  first_audio_ms: "First words after", agent_connect_ms: "Agent connected after", interruptions: "Interruptions", clear_ms_max: "Slowest clear", gaps: "Holes in the sound", gap_ms: "… together",
  late_audio_dropped_ms: "Late speech dropped", caller_audio_dropped_ms: "Caller's sound dropped", frames_in: "Frames from the line", frames_out: "Frames to the line", dtmf: "Keys", marks_lost: "Marks lost", malformed: "Malformed messages", unknown_events: "Unknown events",
};

/** Returns what to do on leaving. */
export async function showCall(main, callSid, numbers = "masked") {
  const path = `calls/${encodeURIComponent(callSid)}`;
  const [call, sound] = await Promise.all([ask(`${path}?numbers=${numbers}`), ask(`${path}/waveform`).catch((error) => ({ channels: [], problem: error.message }))]);
  const turns = laidOut(call.turns);
  const last = turns.at(-1);
  const lengthS = Math.max(call.record.duration_s ?? 0, ((sound.offset_ms ?? 0) / 1000) + (sound.duration_s ?? 0), last ? (last.offset_ms + last.length_ms) / 1000 : 0);
  const items = spoken(turns, call.tools);
  const player = new Player(path, sound, turns, lengthS, items);
  document.title = `Call of ${whenInFull(call.record.started_at)}`;
  const reveal = make("input", { type: "checkbox", checked: numbers === "whole" });
  reveal.onchange = async () => {
    leave();
    leave = await showCall(main, callSid, reveal.checked ? "whole" : "masked");
  };
  let leave = () => player.stop();
  main.replaceChildren(
    title(call, reveal),
    call.problem ? make("p", { class: "problem" }, call.problem) : "",
    turns.length || sound.channels.length ? player.element : "",
    make(
      "div",
      { class: "call" },
      make("section", { class: "card", "aria-labelledby": "said" }, make("h3", { id: "said" }, "What was said"), items.length ? make("ol", { class: "turns" }, items.map((item) => item.element)) : make("p", { class: "faint" }, "Nothing was said, or nobody wrote it down.")),
      make("div", { class: "side" }, transfer(call.record.transfer), quality(call.record.quality), analysis(call.record.analysis), facts(call.record)),
    ),
    raw(call),
  );
  return () => leave();
}

/** When each turn begins. Of the caller's only the end is known, when the words were made out; one without a time
 * follows the one before. */
function laidOut(turns) {
  let [began, end] = [0, 0];
  return turns.map((turn) => {
    const known = turn.offset_ms ?? end;
    began = turn.speaker === "caller" && turn.offset_ms !== null ? Math.max(began, known - turn.length_ms) : known;
    end = began + turn.length_ms;
    return { ...turn, offset_ms: began };
  });
}

function title(call, reveal) {
  const { record } = call;
  const agent = record.agent?.alias ?? record.agent?.id ?? "no agent";
  return make(
    "div",
    { class: "title" },
    make("p", {}, make("a", { href: "#/calls", onclick: back }, "← All calls")),
    make("h2", {}, whenInFull(record.started_at)),
    make(
      "p",
      { class: "tags" },
      `${record.from || "unknown caller"} → ${record.to || "unknown"}`,
      make("span", { class: "tag" }, agent),
      record.duration_s ? make("span", { class: "tag" }, clock(record.duration_s)) : "",
      make("span", { class: endClass(record.end_reason) }, ENDS[record.end_reason ?? ""] ?? named(record.end_reason)),
      record.transfer ? make("span", { class: transferClass(record.transfer.state) }, `transfer: ${named(record.transfer.state)}`) : "",
      make("label", { class: "choice" }, reveal, " show numbers"),
    ),
  );
}

function back(event) {
  if (history.length < 2) return;
  event.preventDefault();
  history.back();
}

/** Turns and tool calls in the order of time, each with its element. */
function spoken(turns, tools) {
  const items = [
    ...turns.map((turn) => ({ at_ms: turn.offset_ms, until_ms: turn.offset_ms + turn.length_ms, className: `turn ${turn.speaker}`, content: words(turn) })),
    ...tools.map((tool) => ({ at_ms: tool.at_ms ?? 0, until_ms: null, className: "turn tool", content: toolCall(tool) })),
  ].sort((one, other) => one.at_ms - other.at_ms);
  for (const item of items) {
    item.button = make("button", { type: "button", "aria-label": `Play from ${clock(item.at_ms / 1000)}` }, clock(item.at_ms / 1000));
    item.element = make("li", { class: item.className }, item.button, make("div", {}, item.content));
  }
  return items;
}

function words(turn) {
  const speaker = make("b", {}, turn.speaker === "agent" ? "Agent" : "Caller");
  const cut = turn.interrupted && turn.speaker === "agent";
  const how = {
    vendor: "Heard words as the agent's vendor reports them.",
    estimate: `Estimated: ${(turn.length_ms / 1000).toFixed(1)} s were heard, laid over the words at this call's pace.`,
    "": cut && turn.length_is_known ? `Cut off after ${(turn.length_ms / 1000).toFixed(1)} s.` : cut ? "Cut off; nobody knows after which word." : "",
  }[turn.by];
  return [
    speaker,
    " ",
    turn.heard,
    cut ? make("span", { class: "cut" }, " ✂ cut off ") : "",
    turn.unheard ? make("del", { class: "unheard" }, make("span", { class: "visually-hidden" }, "not heard: "), turn.unheard) : "",
    how ? make("span", { class: "how" }, how) : "",
  ];
}

function toolCall(tool) {
  const result = tool.result ? `${tool.result.is_error ? "failed: " : "→ "}${tool.result.text}` : "";
  return [make("b", {}, `Tool ${tool.name}`), " ", make("code", {}, JSON.stringify(tool.parameters ?? {})), result ? make("span", { class: "how" }, result) : ""];
}

function section(name, ...content) {
  return make("section", { class: "card" }, make("h3", {}, name), content);
}

function table(entries) {
  return make("dl", { class: "facts" }, entries.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function transfer(wish) {
  if (!wish) return "";
  const asked = make("li", {}, make("b", {}, wish.target ? `Asked for: ${wish.target}` : "Asked for a human"), wish.reason ? make("div", {}, `because: ${named(wish.reason)}`) : "", wish.summary ? make("div", { class: "faint" }, wish.summary) : "");
  const attempts = (wish.attempts ?? []).map((attempt) => make("li", {}, make("span", { class: transferClass(attempt.state) }, named(attempt.state)), ` ${attempt.number}`, attempt.duration_s ? `, talked ${clock(attempt.duration_s)}` : ""));
  return section("Transfer", make("ol", { class: "path" }, asked, attempts, make("li", {}, "Outcome: ", make("span", { class: transferClass(wish.state) }, named(wish.state)))));
}

function quality(figures) {
  if (!figures) return section("Quality", make("p", { class: "faint" }, "The relay never said: it may have died in this call."));
  const shown = Object.entries(figures).filter(([name, value]) => value !== null && (value !== 0 || ["gaps", "interruptions"].includes(name)));
  return section("Quality", table(shown.map(([name, value]) => [QUALITY[name] ?? named(name), /_ms(_max)?$/.test(name) ? milliseconds(value) : whole.format(value)])));
}

function analysis(found) {
  if (!found) return "";
  const entries = [["Successful", found.call_successful], ["Summary", found.transcript_summary], ...Object.entries(found.data_collection_results ?? {}).map(([name, result]) => [named(name), String(result?.value ?? "–")]), ...Object.entries(found.evaluation_criteria_results ?? {}).map(([name, result]) => [named(name), String(result?.result ?? "–")])];
  const known = entries.filter(([, value]) => value);
  return known.length ? section("The vendor's analysis", table(known)) : "";
}

function facts(record) {
  const entries = [["Call", record.call_sid], ["Stream", record.stream_sid], ["Conversation", record.conversation_id], ["Ended by", record.ended_by], ["Detail", record.end_detail], ["Known from", (record.sources ?? []).join(", ")]];
  const agents = (record.agents ?? []).map((agent) => `${agent.alias || agent.id}: ${agent.end_reason || "?"}${agent.end_detail ? ` (${agent.end_detail})` : ""}`);
  return section("Ids", table([...entries.filter(([, value]) => value).map(([name, value]) => [name, make("code", {}, String(value))]), ...(agents.length > 1 ? [["Agents", agents.join(", then ")]] : [])]));
}

function raw(call) {
  const piece = (name, body, at) => {
    const details = make("details", {}, make("summary", {}, make("code", {}, name), at ? make("span", { class: "faint" }, ` ${new Date(at * 1000).toLocaleTimeString()}`) : ""));
    details.addEventListener("toggle", () => details.children.length === 1 && details.append(make("pre", { tabindex: "0", "aria-label": name }, typeof body === "string" ? body : JSON.stringify(body, null, 2))));
    return details;
  };
  return make("section", { class: "card raw" }, make("h3", {}, "Raw events"), make("p", { class: "faint" }, "The record, and the pieces in the store that it was made of."), piece("record", call.record), call.raw.map(({ key, body, at }) => piece(key.replace(`calls/${call.call_sid}/`, ""), body, at)));
}

/** Sound, picture and transcript, kept at the same place. */
class Player {
  #audio = null;
  #items;
  #button;
  #clock;
  #wave;
  #offsetS;
  #lengthS;

  constructor(path, sound, turns, lengthS, items) {
    this.#items = items;
    this.#lengthS = lengthS;
    this.#offsetS = (sound.offset_ms ?? 0) / 1000;
    const box = make("div", { class: "wave" });
    this.#wave = new Waveform(box, sound, turns, lengthS, (seconds) => this.#seek(seconds));
    this.#clock = make("p", { class: "clock figure" }, clock(0));
    const heard = sound.channels.length > 0;
    this.#button = make("button", { type: "button", class: "play", "aria-label": "Play", disabled: !heard, onclick: () => this.#toggle() }, "▶");
    const note = heard
      ? sound.channels.length > 1 ? "Above: the caller. Below: the agent. Click to play from there." : "Click to play from there."
      : sound.problem ?? "No sound of this call is kept: this is drawn from the times of the turns.";
    this.element = make("section", { class: "card player", "aria-label": "Sound" }, make("div", {}, this.#button, this.#clock), box, make("p", { class: "note faint" }, `${note}${turns.some(({ interrupted }) => interrupted) ? " Red: the caller cut in." : ""}`));
    if (heard) {
      this.#audio = new Audio(`api/${path}/sound`);
      this.#audio.preload = "metadata";
      this.#audio.addEventListener("timeupdate", () => this.#at(this.#audio.currentTime + this.#offsetS));
      for (const event of ["play", "pause", "ended"]) this.#audio.addEventListener(event, () => this.#shown());
    }
    for (const item of items) item.button.onclick = () => this.#seek(item.at_ms / 1000, true);
  }

  stop() {
    this.#audio?.pause();
  }

  #toggle() {
    if (this.#audio.paused) this.#audio.play();
    else this.#audio.pause();
  }

  #seek(seconds, play = false) {
    if (this.#audio) {
      this.#audio.currentTime = Math.max(0, seconds - this.#offsetS);
      if (play) this.#audio.play();
    }
    this.#at(seconds);
  }

  #at(seconds) {
    this.#wave.at(Math.min(seconds, this.#lengthS));
    this.#clock.textContent = clock(seconds);
    const now = this.#items.findLast(({ at_ms, until_ms }) => at_ms <= seconds * 1000 && (until_ms === null || seconds * 1000 <= until_ms));
    for (const item of this.#items) item.element.classList.toggle("now", item === now);
  }

  #shown() {
    const playing = !this.#audio.paused && !this.#audio.ended;
    this.#button.textContent = playing ? "❚❚" : "▶";
    this.#button.setAttribute("aria-label", playing ? "Pause" : "Play");
  }
}
