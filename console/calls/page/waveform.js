// The sound of a call as a picture that can be clicked and zoomed; without sound, the turns as blocks on the same axis.
import { clock } from "../shared/format.js";
import { inks } from "../shared/ink.js";

/** @typedef {import("./types").Sound} Sound */
/** @typedef {import("./types").TurnItem} TurnItem */

const STEP_S = 5; // of the arrow keys
const WIDEST = 16_000; // pixels that a canvas may have
const NAMES = ["caller", "agent"];
const INKS = {
  caller: "var(--caller)",
  agent: "var(--agent)",
  cut: "var(--cut)",
  faint: "var(--faint)",
  ink: "var(--ink)",
};

export class Waveform {
  #box;
  #canvas = document.createElement("canvas");
  /** @type {Sound} */
  #sound = { channels: [] };
  /** @type {TurnItem[]} */
  #turns = [];
  #lengthS = 1;
  #nowS = 0;
  #zoom = 1;

  /** Made once for the page. @param {HTMLElement} box that scrolls @param {(seconds: number) => void} onSeek */
  constructor(box, onSeek) {
    this.#box = box;
    box.append(this.#canvas);
    box.addEventListener("click", (event) => {
      const { left, width } = this.#canvas.getBoundingClientRect();
      onSeek(((event.clientX - left) / width) * this.#lengthS);
    });
    box.addEventListener("keydown", (event) => {
      /** @type {Record<string, number>} */
      const places = {
        ArrowRight: this.#nowS + STEP_S,
        ArrowLeft: this.#nowS - STEP_S,
        Home: 0,
        End: this.#lengthS,
      };
      const wanted = places[event.key];
      if (wanted === undefined) return;
      event.preventDefault();
      onSeek(Math.min(this.#lengthS, Math.max(0, wanted)));
    });
    new ResizeObserver(() => this.#draw()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** @param {Sound} sound @param {TurnItem[]} turns @param {number} lengthS */
  show(sound, turns, lengthS) {
    this.#sound = sound;
    this.#turns = turns;
    this.#lengthS = Math.max(1, lengthS);
    this.#box.ariaValueMax = String(Math.round(lengthS));
    this.at(this.#nowS);
  }

  /** @param {number} zoom 1 shows the whole call */
  zoom(zoom) {
    this.#zoom = zoom;
    this.#draw();
    this.#follow();
  }

  /** Move the needle. @param {number} seconds */
  at(seconds) {
    this.#nowS = Math.min(seconds, this.#lengthS);
    this.#box.ariaValueNow = String(Math.round(this.#nowS));
    this.#box.ariaValueText = `${clock(this.#nowS)} of ${clock(this.#lengthS)}`;
    this.#draw();
    this.#follow();
  }

  #follow() {
    if (this.#zoom === 1) return;
    const [x, width] = [(this.#nowS / this.#lengthS) * this.#canvas.clientWidth, this.#box.clientWidth];
    const left = this.#box.scrollLeft;
    if (x < left || x > left + width * 0.9) this.#box.scrollLeft = x - width * 0.2;
  }

  #draw() {
    const scale = devicePixelRatio || 1;
    const height = this.#box.clientHeight;
    const width = Math.min(WIDEST / scale, this.#box.clientWidth * this.#zoom);
    const pen = this.#canvas.getContext("2d");
    if (!width || !height || !pen) return;
    this.#canvas.style.width = `${width}px`;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    pen.scale(scale, scale);
    const ink = inks(this.#canvas, INKS);
    const x = (/** @type {number} */ seconds) => (seconds / this.#lengthS) * width;
    if (this.#sound.channels.length) this.#peaks(pen, x, height, ink);
    else this.#blocks(pen, x, height, ink);
    pen.fillStyle = ink.cut;
    for (const turn of this.#turns.filter(({ interrupted }) => interrupted)) {
      pen.fillRect(x((turn.at_ms + turn.length_ms) / 1000) - 1, 4, 2, height - 8);
    }
    pen.fillStyle = ink.ink;
    pen.fillRect(x(this.#nowS) - 1, 0, 2, height);
  }

  /**
   * @param {CanvasRenderingContext2D} pen @param {(seconds: number) => number} x
   * @param {number} height @param {Record<keyof typeof INKS, string>} ink
   */
  #peaks(pen, x, height, ink) {
    const { channels, duration_s = 0, offset_ms = 0 } = this.#sound;
    channels.slice(0, 2).forEach((peaks, side) => {
      const loudest = peaks.reduce((most, peak) => Math.max(most, peak), 0.05);
      const lane = height / Math.min(2, channels.length);
      const middle = lane * (side + 0.5);
      pen.fillStyle = channels.length === 1 ? ink.faint : side ? ink.agent : ink.caller;
      pen.beginPath();
      const place = (/** @type {number} */ index) => x(offset_ms / 1000 + (index / peaks.length) * duration_s);
      const size = (/** @type {number} */ peak) => Math.max(0.75, (peak / loudest) * lane * 0.46);
      peaks.forEach((peak, index) => {
        pen.lineTo(place(index), middle - size(peak));
      });
      for (let index = peaks.length - 1; index >= 0; index--)
        pen.lineTo(place(index), middle + size(peaks[index] ?? 0));
      pen.fill();
    });
  }

  /**
   * @param {CanvasRenderingContext2D} pen @param {(seconds: number) => number} x
   * @param {number} height @param {Record<keyof typeof INKS, string>} ink
   */
  #blocks(pen, x, height, ink) {
    for (const turn of this.#turns) {
      const side = NAMES.indexOf(turn.speaker);
      pen.fillStyle = side === 1 ? ink.agent : side === 0 ? ink.caller : ink.faint;
      pen.beginPath();
      const top = height * (side === 1 ? 0.56 : 0.12);
      pen.roundRect(x(turn.at_ms / 1000), top, Math.max(3, x(turn.length_ms / 1000)), height * 0.32, 4);
      pen.fill();
    }
  }
}
