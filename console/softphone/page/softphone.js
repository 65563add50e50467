// The page: buttons, figures and words around one WebSocket to the console. See console/softphone/messages.py.
import { MicrophoneError, Sound } from "./audio.js";
import { Scope, share } from "./scope.js";

const element = (id) => document.getElementById(id);
const scope = new Scope(element("scope"));
const voices = ["caller", "agent"].map((name) => ({ name, box: element(name), level: element(name).querySelector(".level"), speaks: element(name).querySelector(".speaks") }));
const milliseconds = (ms) => (ms === null ? "never" : ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

let sound = null;
let phase = "idle"; // idle, calling, connected
let bargeIns = 0;

const socket = new WebSocket(new URL("call", location.href.replace(/^http/, "ws")));
socket.binaryType = "arraybuffer";
socket.onmessage = ({ data }) => (typeof data === "string" ? told(JSON.parse(data)) : sound?.play(data));
socket.onclose = () => {
  over("Not connected");
  element("call").disabled = true;
  complain("The console has ended, and this page with it. Start it again (make softphone) and open the new address.");
};

const say = (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));

const hear = {
  hello({ address, at_home, rate_hz }) {
    element("address").textContent = address;
    element("hint").hidden = !at_home;
    element("rate").value = String(rate_hz);
    rest("Ready to call");
  },
  ringing() {
    element("state").textContent = "Connecting…";
  },
  connected({ call_sid }) {
    phase = "connected";
    element("state").textContent = "In the call";
    log(0, "quiet", "Connected", `call ${call_sid}`);
    enable(true);
  },
  levels(levels) {
    const seconds = Math.floor(levels.at_ms / 1000);
    element("timer").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    for (const { name, level, speaks } of voices) {
      const db = levels[`${name}_db`];
      level.firstElementChild.style.transform = `scaleX(${share(db).toFixed(3)})`;
      level.setAttribute("aria-valuenow", Math.max(-60, Math.round(db)));
      speaks.hidden = !levels[`${name}_speaks`];
    }
    element("waiting").textContent = milliseconds(levels.waiting_ms);
    element("gaps").textContent = levels.gaps;
    const trouble = [levels.lost && `${levels.lost} packets lost so far`, levels.late > 5 && `your microphone was late ${levels.late} times`];
    element("network-lost").textContent = trouble.filter(Boolean).join(", ");
    scope.add(levels);
  },
  first_audio({ at_ms }) {
    element("first-audio").textContent = milliseconds(at_ms);
    log(at_ms, "agent", "First words", `heard ${milliseconds(at_ms)} after the call began`);
  },
  barge_in({ at_ms, kept_ms, clear_ms }) {
    scope.span(at_ms, at_ms + kept_ms);
    if (clear_ms === null) return log(at_ms, "quiet", "Spoke over the agent", `it finished ${milliseconds(kept_ms)} later by itself`);
    element("barge-ins").textContent = ++bargeIns;
    element("kept").textContent = milliseconds(kept_ms);
    element("clear-after").textContent = milliseconds(clear_ms);
    return log(at_ms, "cut", "You cut in", `told to stop after ${milliseconds(clear_ms)}, sounded on for ${milliseconds(kept_ms)}`);
  },
  clear({ at_ms, dropped_ms }) {
    scope.note("clear", at_ms);
    log(at_ms, "cut", "Clear", `${milliseconds(dropped_ms)} of speech dropped at Exotel`);
  },
  mark({ at_ms, name }) {
    scope.note("mark", at_ms);
    log(at_ms, "quiet", "Mark", name);
  },
  echo({ at_ms, name, cleared }) {
    log(at_ms, "quiet", "Mark echoed", `${name}${cleared ? ", its sound was dropped" : ": heard to the end"}`);
  },
  caption({ at_ms, who, text }) {
    const kind = { agent: ["agent", "Agent"], caller: ["caller", "You, as the agent made it out"], keys: ["quiet", "The agent was told"], tool: ["agent", "The agent calls"] }[who];
    log(at_ms, kind[0], kind[1], text === "..." ? "(nothing it knows)" : text);
  },
  refused({ sentence }) {
    over("Not connected");
    complain(sentence);
  },
  problem({ sentence }) {
    complain(sentence);
  },
  ended({ at_ms, sentence, advice, by, trouble, wav, kept, violations }) {
    over("Call ended");
    log(at_ms, by === "bot" ? "agent" : "quiet", "The end", sentence);
    element("after").hidden = false;
    element("after-sentence").textContent = sentence;
    element("save").href = wav;
    element("kept-in").textContent = kept;
    element("violations").hidden = !violations.length;
    element("violations").textContent = `The relay broke rules of Exotel's: ${violations.join("; ")}`;
    if (trouble) complain(`${sentence} ${advice}`.trim());
  },
};

function told(message) {
  hear[message.is]?.(message);
}

async function call() {
  for (const id of ["first-audio", "kept", "clear-after", "waiting", "barge-ins", "gaps"]) element(id).textContent = "–";
  for (const id of ["problem", "after"]) element(id).hidden = true;
  for (const id of ["log", "pressed", "network-lost"]) element(id).replaceChildren();
  element("timer").textContent = "0:00";
  bargeIns = 0;
  scope.clear();
  phase = "calling";
  element("call").disabled = true;
  element("state").textContent = "Opening the microphone…";
  const rateHz = Number(element("rate").value);
  const opening = new Sound();
  try {
    await opening.open(rateHz, { microphone: !element("no-microphone").checked, clean: element("echo").checked }, speak);
  } catch (error) {
    rest("Ready to call");
    if (error instanceof MicrophoneError) element("no-microphone-row").hidden = false;
    return complain(error instanceof MicrophoneError ? error.message : `The browser can't open its sound: ${error.message}`);
  }
  sound = opening;
  element("call").hidden = true;
  element("hang-up").hidden = false;
  element("hang-up").focus();
  sendNetwork();
  return say({ do: "dial", rate_hz: rateHz });
}

function speak(frame) {
  if (phase === "connected" && socket.readyState === WebSocket.OPEN) socket.send(frame);
}

function over(state) {
  const hadFocus = document.activeElement === element("hang-up");
  sound?.close();
  sound = null;
  rest(state);
  if (hadFocus) element("call").focus();
}

function rest(state) {
  phase = "idle";
  enable(false);
  element("state").textContent = state;
  element("call").disabled = false;
  element("call").hidden = false;
  element("hang-up").hidden = true;
  element("mute").setAttribute("aria-pressed", "false");
  for (const { level, speaks } of voices) {
    level.firstElementChild.style.transform = "scaleX(0)";
    level.setAttribute("aria-valuenow", "-60");
    speaks.hidden = true;
  }
}

function enable(inCall) {
  for (const button of document.querySelectorAll(".keypad button, #mute, #drop")) button.disabled = !inCall;
  element("rate").disabled = element("echo").disabled = inCall;
}

function complain(sentence) {
  element("problem").textContent = sentence;
  element("problem").hidden = false;
}

function log(atMs, kind, what, detail) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  const words = document.createElement("span");
  const strong = document.createElement("b");
  item.className = kind;
  time.textContent = `${(atMs / 1000).toFixed(1)} s`;
  strong.textContent = what;
  words.append(strong, ` ${detail}`);
  item.append(time, words);
  element("log").prepend(item);
}

function press(digit) {
  if (phase !== "connected") return;
  say({ do: "press", digit });
  element("pressed").textContent = (element("pressed").textContent + digit).slice(-20);
}

function mute() {
  if (phase !== "connected") return;
  const on = element("mute").getAttribute("aria-pressed") !== "true";
  element("mute").setAttribute("aria-pressed", String(on));
  say({ do: "mute", on });
}

function sendNetwork() {
  const [delay, loss] = [Number(element("delay").value), Number(element("loss").value)];
  element("delay-value").textContent = `${delay} ms`;
  element("loss-value").textContent = `${loss} %`;
  say({ do: "network", delay_ms: delay, loss: loss / 100 });
}

element("call").addEventListener("click", call);
element("hang-up").addEventListener("click", () => say({ do: "hang_up" }));
element("drop").addEventListener("click", () => say({ do: "drop" }));
element("mute").addEventListener("click", mute);
for (const id of ["delay", "loss"]) element(id).addEventListener("input", sendNetwork);
for (const button of document.querySelectorAll("[data-digit]")) button.addEventListener("click", () => press(button.dataset.digit));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
  if (/^[0-9*#]$/.test(event.key)) press(event.key);
  else if (event.key.toLowerCase() === "m") mute();
});
