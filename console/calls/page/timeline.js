// What happened in a call, in the order of time: words, tools, agents, transfer, events. It follows the sound.
import { byId, make } from "../shared/dom.js";
import { clock, milliseconds, visible } from "../shared/format.js";
import { speakerName } from "./words.js";

/** @typedef {import("./types").Item} Item */
/** @typedef {import("./types").TurnItem} TurnItem */
/** @typedef {import("./types").ToolItem} ToolItem */

const SLOW_MS = 3000;
/** @type {Record<string, string>} */
const KINDS = { agent: "Agent", transfer: "Transfer", recording: "Recording", event: "Event" };

export class Timeline {
  #list = byId("timeline");
  #search = byId("search-call", HTMLInputElement);
  #follow = byId("follow", HTMLInputElement);
  /** @type {{item: Item, node: HTMLElement}[]} */
  #shown = [];
  /** @type {HTMLElement | null} */
  #now = null;
  #onSeek;

  /** @param {(seconds: number) => void} onSeek */
  constructor(onSeek) {
    this.#onSeek = onSeek;
    this.#search.addEventListener("input", () => this.#find());
    byId("show-events", HTMLInputElement).addEventListener("change", () => this.#find());
    this.#list.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("button[data-at]") : null;
      if (button instanceof HTMLElement) this.#onSeek(Number(button.dataset.at) / 1000);
    });
  }

  /** @param {Item[]} items */
  show(items) {
    this.#shown = items.map((item) => ({ item, node: row(item) }));
    this.#now = null;
    this.#list.replaceChildren(...this.#shown.map(({ node }) => node));
    byId("nothing-said").hidden = items.some(({ kind }) => kind === "turn");
    this.#find();
  }

  /** Another call is coming. */
  clear() {
    this.#search.value = "";
    this.show([]);
  }

  /** Mark what is said at this moment; while it plays the page goes with it. @param {number} seconds
   * @param {boolean} playing */
  at(seconds, playing) {
    const ms = seconds * 1000;
    const found = this.#shown.findLast(
      ({ item }) => item.at_ms <= ms && (item.kind !== "turn" || ms <= item.at_ms + item.length_ms),
    );
    const node = found && found.item.kind !== "event" ? found.node : null;
    if (node === this.#now) return;
    this.#now?.classList.remove("now");
    node?.classList.add("now");
    this.#now = node;
    if (playing && node && this.#follow.checked) node.scrollIntoView({ block: "nearest" });
  }

  #find() {
    const words = this.#search.value.trim().toLocaleLowerCase();
    const events = byId("show-events", HTMLInputElement).checked;
    let found = 0;
    for (const { item, node } of this.#shown) {
      const matches = !words || (node.textContent ?? "").toLocaleLowerCase().includes(words);
      if (words && matches) found++;
      node.hidden = !matches || (item.kind === "event" && !events && !words);
    }
    byId("found-in-call").textContent = words ? `${found} found` : "";
  }
}

/** @param {Item} item */
function row(item) {
  const at = clock(item.at_ms / 1000);
  const button = make("button", { type: "button", "data-at": item.at_ms, "aria-label": `Play from ${at}` }, at);
  const content = item.kind === "turn" ? turn(item) : item.kind === "tool" ? tool(item) : told(item);
  const tone = "tone" in item ? item.tone : "";
  const who = item.kind === "turn" ? item.speaker : "";
  return make("li", { class: `item ${item.kind} ${who} ${tone}` }, button, make("div", { dir: "auto" }, content));
}

/** @param {TurnItem} item */
function turn(item) {
  const seconds = `${(item.length_ms / 1000).toFixed(1)} s`;
  const cut = item.length_is_known ? `Cut off after ${seconds}.` : "Cut off; after which word is unknown.";
  const how = {
    vendor: "Heard words as the agent's vendor reports them.",
    estimate: `Estimated: ${seconds} were heard, laid over the words at this call's pace.`,
    "": item.interrupted ? cut : "",
  }[item.by];
  const waited = item.answer_ms;
  const slow = waited !== null && waited > SLOW_MS;
  return [
    make("b", {}, speakerName(item.speaker)),
    waited === null
      ? ""
      : make("span", { class: slow ? "answer slow" : "answer" }, `answered after ${milliseconds(waited)}`),
    " ",
    make("bdi", { class: "said" }, visible(item.heard)),
    item.interrupted ? make("span", { class: "cut" }, " ✂ cut off ") : "",
    item.unheard
      ? make(
          "del",
          { class: "unheard said" },
          make("span", { class: "visually-hidden" }, "not heard: "),
          make("bdi", {}, visible(item.unheard)),
        )
      : "",
    how ? make("span", { class: "how" }, how) : "",
  ];
}

/** @param {ToolItem} item */
function tool(item) {
  const result = item.result ? `${item.result.is_error ? "failed: " : "→ "}${visible(item.result.text)}` : "";
  return [
    make("b", {}, `Tool ${item.name}`),
    " ",
    make("code", {}, visible(JSON.stringify(item.parameters ?? {}))),
    result ? make("span", { class: "how" }, result) : "",
  ];
}

/** @param {import("./types").ToldItem} item */
function told(item) {
  return [make("b", {}, KINDS[item.kind] ?? item.kind), " ", make("bdi", {}, visible(item.text))];
}
