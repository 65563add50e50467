// The page: buttons, figures and words around one WebSocket to the console. See console/softphone/messages.py.
import { byId, make } from "../shared/dom.js";
import { counted, milliseconds as inMilliseconds, visible } from "../shared/format.js";
import { MicrophoneError, Sound } from "./audio.js";
import { Scope, share } from "./scope.js";

/** @typedef {import("./types").Message} Message */
/** @typedef {import("./types").Levels} Levels */
/** @typedef {"idle" | "calling" | "connected"} Phase */

const SIDES = /** @type {const} */ (["caller", "agent"]);
const FIGURES = ["first-audio", "kept", "clear-after", "waiting", "barge-ins", "gaps"];
const CAPTIONS = 4;
/** @type {Record<string, [string, string]>} */
const SPEAKERS = {
  agent: ["agent", "Agent"],
  caller: ["caller", "You, as the agent understood it"],
  keys: ["quiet", "The agent was told"],
  tool: ["agent", "The agent calls"],
  unanswered: ["cut", "No answer"],
};

const scope = new Scope(byId("scope", HTMLCanvasElement));
const voices = SIDES.map((name) => ({
  name,
  level: /** @type {HTMLElement} */ (byId(name).querySelector(".level")),
  bar: /** @type {HTMLElement} */ (byId(name).querySelector(".level > div")),
  speaks: /** @type {HTMLElement} */ (byId(name).querySelector(".speaks")),
}));
/** @param {number | null} ms */
const milliseconds = (ms) => (ms === null ? "never" : inMilliseconds(ms));

/** @type {Sound | null} */
let sound = null;
/** @type {Phase} */
let phase = "idle";
let bargeIns = 0;

const socket = new WebSocket(new URL("call", location.href.replace(/^http/, "ws")));
socket.binaryType = "arraybuffer";
socket.addEventListener("message", ({ data }) => {
  if (typeof data === "string") told(JSON.parse(data));
  else sound?.play(data);
});
socket.addEventListener("close", () => {
  over("Not connected");
  byId("call", HTMLButtonElement).disabled = true;
  complain("The console has ended, and this page with it. Start it again: make softphone.");
});

/** @param {object} message */
function say(message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

/** @param {Message} message */
function told(message) {
  switch (message.is) {
    case "hello":
      byId("address").textContent = message.address;
      byId("hint").hidden = !message.at_home;
      byId("rate", HTMLSelectElement).value = String(message.rate_hz);
      return rest("Ready to call");
    case "ringing":
      byId("state").textContent = "Connecting…";
      return undefined;
    case "connected":
      phase = "connected";
      byId("state").textContent = "In the call";
      log(0, "quiet", "Connected", `call ${message.call_sid}`);
      return enable(true);
    case "levels":
      return levels(message);
    case "first_audio":
      byId("first-audio").textContent = milliseconds(message.at_ms);
      return log(message.at_ms, "agent", "First words", `heard ${milliseconds(message.at_ms)} after the call began`);
    case "barge_in":
      return bargeIn(message.at_ms, message.kept_ms, message.clear_ms);
    case "clear":
      scope.note("clear", message.at_ms);
      return log(message.at_ms, "cut", "Clear", `${milliseconds(message.dropped_ms)} of speech dropped at Exotel`);
    case "mark":
      scope.note("mark", message.at_ms);
      return log(message.at_ms, "quiet", "Mark", message.name);
    case "echo": {
      const how = message.cleared ? ", its sound was dropped" : ": heard to the end";
      return log(message.at_ms, "quiet", "Mark echoed", `${message.name}${how}`);
    }
    case "caption":
      return caption(message.at_ms, message.who, message.text === "..." ? "(not recognised)" : message.text);
    case "refused":
      over("Not connected");
      return complain(message.sentence);
    case "problem":
      return complain(message.sentence);
    case "ended":
      return ended(message);
    default:
      return undefined;
  }
}

/** @param {Levels} levels */
function levels(levels) {
  const seconds = Math.floor(levels.at_ms / 1000);
  byId("timer").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  for (const { name, level, bar, speaks } of voices) {
    const db = levels[`${name}_db`];
    bar.style.transform = `scaleX(${share(db).toFixed(3)})`;
    level.setAttribute("aria-valuenow", String(Math.max(-60, Math.round(db))));
    speaks.hidden = !levels[`${name}_speaks`];
  }
  byId("waiting").textContent = milliseconds(levels.waiting_ms);
  byId("gaps").textContent = String(levels.gaps);
  const trouble = [
    levels.lost ? `${counted(levels.lost, "packet")} lost so far` : "",
    levels.late > 5 ? `your microphone was late ${counted(levels.late, "time")}` : "",
  ];
  byId("network-lost").textContent = trouble.filter(Boolean).join(", ");
  scope.add(levels);
}

/** @param {number} at_ms @param {number} kept_ms @param {number | null} clear_ms */
function bargeIn(at_ms, kept_ms, clear_ms) {
  scope.span(at_ms, at_ms + kept_ms);
  if (clear_ms === null) {
    log(at_ms, "quiet", "Spoke over the agent", `it finished ${milliseconds(kept_ms)} later by itself`);
    return;
  }
  byId("barge-ins").textContent = String(++bargeIns);
  byId("kept").textContent = milliseconds(kept_ms);
  byId("clear-after").textContent = milliseconds(clear_ms);
  const how = `stopped after ${milliseconds(clear_ms)}, still heard for ${milliseconds(kept_ms)}`;
  log(at_ms, "cut", "You cut in", how);
}

/** Words of the call: in the log, and the last of them under the phone. @param {number} at_ms @param {string} who
 * @param {string} text */
function caption(at_ms, who, text) {
  const [kind, name] = SPEAKERS[who] ?? ["quiet", who];
  log(at_ms, kind, name, text);
  const captions = byId("captions");
  captions.append(make("p", { class: kind, dir: "auto" }, make("b", {}, name), ` ${visible(text)}`));
  while (captions.children.length > CAPTIONS) captions.firstElementChild?.remove();
}

/** @param {import("./types").Ended} message */
function ended({ at_ms, sentence, advice, by, trouble, wav, kept, violations }) {
  over("Call ended");
  log(at_ms, by === "bot" ? "agent" : "quiet", "The end", sentence);
  byId("after").hidden = false;
  byId("after-sentence").textContent = sentence;
  byId("save", HTMLAnchorElement).href = wav;
  byId("kept-in").textContent = kept;
  byId("violations").hidden = !violations.length;
  byId("violations").textContent = `The relay broke rules of Exotel's: ${violations.join("; ")}`;
  if (trouble) complain(`${sentence} ${advice}`.trim());
}

async function call() {
  for (const id of FIGURES) byId(id).textContent = "–";
  for (const id of ["problem", "after"]) byId(id).hidden = true;
  for (const id of ["log", "pressed", "network-lost", "captions"]) byId(id).replaceChildren();
  byId("timer").textContent = "0:00";
  bargeIns = 0;
  scope.clear();
  phase = "calling";
  byId("call", HTMLButtonElement).disabled = true;
  byId("state").textContent = "Opening the microphone…";
  const rateHz = Number(byId("rate", HTMLSelectElement).value);
  const wanted = {
    microphone: !byId("no-microphone", HTMLInputElement).checked,
    clean: byId("echo", HTMLInputElement).checked,
  };
  const opening = new Sound();
  try {
    await opening.open(rateHz, wanted, speak);
  } catch (error) {
    rest("Ready to call");
    const isMicrophone = error instanceof MicrophoneError;
    if (isMicrophone) byId("no-microphone-row").hidden = false;
    const why = error instanceof Error ? error.message : String(error);
    complain(isMicrophone ? why : `The browser can't open its sound: ${why}`);
    return;
  }
  sound = opening;
  byId("call").hidden = true;
  byId("hang-up").hidden = false;
  byId("hang-up").focus();
  sendNetwork();
  say({ do: "dial", rate_hz: rateHz });
}

/** @param {ArrayBuffer} frame */
function speak(frame) {
  if (phase === "connected" && socket.readyState === WebSocket.OPEN) socket.send(frame);
}

/** @param {string} state */
function over(state) {
  const hadFocus = document.activeElement === byId("hang-up");
  sound?.close();
  sound = null;
  rest(state);
  if (hadFocus) byId("call").focus();
}

/** @param {string} state */
function rest(state) {
  phase = "idle";
  enable(false);
  byId("state").textContent = state;
  byId("call", HTMLButtonElement).disabled = false;
  byId("call").hidden = false;
  byId("hang-up").hidden = true;
  byId("mute").setAttribute("aria-pressed", "false");
  for (const { level, bar, speaks } of voices) {
    bar.style.transform = "scaleX(0)";
    level.setAttribute("aria-valuenow", "-60");
    speaks.hidden = true;
  }
}

/** @param {boolean} inCall */
function enable(inCall) {
  for (const button of document.querySelectorAll(".keypad button, #mute, #drop")) {
    if (button instanceof HTMLButtonElement) button.disabled = !inCall;
  }
  byId("rate", HTMLSelectElement).disabled = inCall;
  byId("echo", HTMLInputElement).disabled = inCall;
}

/** @param {string} sentence */
function complain(sentence) {
  byId("problem").textContent = sentence;
  byId("problem").hidden = false;
}

/** @param {number} atMs @param {string} kind @param {string} what @param {string} detail */
function log(atMs, kind, what, detail) {
  const words = make("span", { dir: "auto" }, make("b", {}, what), ` ${visible(detail)}`);
  byId("log").prepend(make("li", { class: kind }, make("time", {}, `${(atMs / 1000).toFixed(1)} s`), words));
}

/** @param {string} digit */
function press(digit) {
  if (phase !== "connected") return;
  say({ do: "press", digit });
  byId("pressed").textContent = ((byId("pressed").textContent ?? "") + digit).slice(-20);
}

function mute() {
  if (phase !== "connected") return;
  const on = byId("mute").getAttribute("aria-pressed") !== "true";
  byId("mute").setAttribute("aria-pressed", String(on));
  say({ do: "mute", on });
}

function sendNetwork() {
  const [delay, loss] = ["delay", "loss"].map((id) => Number(byId(id, HTMLInputElement).value));
  byId("delay-value").textContent = `${delay} ms`;
  byId("loss-value").textContent = `${loss} %`;
  say({ do: "network", delay_ms: delay, loss: (loss ?? 0) / 100 });
}

byId("call").addEventListener("click", call);
byId("hang-up").addEventListener("click", () => say({ do: "hang_up" }));
byId("drop").addEventListener("click", () => say({ do: "drop" }));
byId("mute").addEventListener("click", mute);
for (const id of ["delay", "loss"]) byId(id).addEventListener("input", sendNetwork);
for (const button of document.querySelectorAll("[data-digit]")) {
  if (button instanceof HTMLElement) button.addEventListener("click", () => press(button.dataset.digit ?? ""));
}
document.addEventListener("keydown", (event) => {
  const inAField = event.target instanceof Element && event.target.matches("select, input");
  if (event.ctrlKey || event.metaKey || event.altKey || inAField) return;
  if (/^[0-9*#]$/.test(event.key)) press(event.key);
  else if (event.key.toLowerCase() === "m") mute();
});
