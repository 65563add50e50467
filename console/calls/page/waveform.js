// The sound of a call as a picture that can be clicked; without sound, the turns as blocks on the same axis.
import { inks } from "../shared/ink.js";
import { clock } from "./words.js";

const STEP_S = 5; // of the arrow keys
const NAMES = ["caller", "agent"];
const INKS = { caller: "var(--caller)", agent: "var(--agent)", cut: "var(--cut)", faint: "var(--faint)", ink: "var(--ink)" };

export class Waveform {
  #canvas;
  #box;
  #sound;
  #turns;
  #lengthS;
  #nowS = 0;

  /** @param {HTMLElement} box @param {{channels: number[][], duration_s?: number, offset_ms?: number}} sound
   * @param {object[]} turns @param {(seconds: number) => void} onSeek */
  constructor(box, sound, turns, lengthS, onSeek) {
    this.#box = box;
    this.#canvas = box.appendChild(document.createElement("canvas"));
    this.#sound = sound;
    this.#turns = turns;
    this.#lengthS = Math.max(1, lengthS);
    Object.assign(box, { role: "slider", tabIndex: 0, ariaLabel: "Place in the call", ariaValueMin: "0", ariaValueMax: String(Math.round(lengthS)) });
    box.addEventListener("pointerdown", (event) => {
      const { left, width } = box.getBoundingClientRect();
      onSeek(((event.clientX - left) / width) * this.#lengthS);
    });
    box.addEventListener("keydown", (event) => {
      const places = { ArrowRight: this.#nowS + STEP_S, ArrowLeft: this.#nowS - STEP_S, Home: 0, End: this.#lengthS };
      if (!(event.key in places)) return;
      event.preventDefault();
      onSeek(Math.min(this.#lengthS, Math.max(0, places[event.key])));
    });
    new ResizeObserver(() => this.#draw()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    this.at(0);
  }

  /** Move the needle. */
  at(seconds) {
    this.#nowS = seconds;
    this.#box.ariaValueNow = String(Math.round(seconds));
    this.#box.ariaValueText = `${clock(seconds)} of ${clock(this.#lengthS)}`;
    this.#draw();
  }

  #draw() {
    const [width, height, scale] = [this.#box.clientWidth, this.#box.clientHeight, devicePixelRatio || 1];
    if (!width) return;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    const pen = this.#canvas.getContext("2d");
    pen.scale(scale, scale);
    const ink = inks(this.#canvas, INKS);
    const x = (seconds) => (seconds / this.#lengthS) * width;
    if (this.#sound.channels.length) this.#peaks(pen, x, height, ink);
    else this.#blocks(pen, x, height, ink);
    pen.fillStyle = ink.cut;
    for (const turn of this.#turns.filter(({ interrupted }) => interrupted)) {
      pen.fillRect(x((turn.offset_ms + turn.length_ms) / 1000) - 1, 4, 2, height - 8);
    }
    pen.fillStyle = ink.ink;
    pen.fillRect(x(this.#nowS) - 1, 0, 2, height);
  }

  #peaks(pen, x, height, ink) {
    const { channels, duration_s, offset_ms } = this.#sound;
    channels.slice(0, 2).forEach((peaks, side) => {
      const loudest = Math.max(0.05, ...peaks);
      const lane = height / Math.min(2, channels.length);
      const middle = lane * (side + 0.5);
      pen.fillStyle = channels.length === 1 ? ink.faint : ink[NAMES[side]];
      pen.beginPath();
      const place = (index) => x(offset_ms / 1000 + (index / peaks.length) * duration_s);
      const size = (peak) => Math.max(0.75, (peak / loudest) * lane * 0.46);
      peaks.forEach((peak, index) => pen.lineTo(place(index), middle - size(peak)));
      for (let index = peaks.length - 1; index >= 0; index--) pen.lineTo(place(index), middle + size(peaks[index]));
      pen.fill();
    });
  }

  #blocks(pen, x, height, ink) {
    for (const turn of this.#turns) {
      const side = NAMES.indexOf(turn.speaker);
      pen.fillStyle = ink[turn.speaker];
      pen.beginPath();
      pen.roundRect(x(turn.offset_ms / 1000), height * (side ? 0.56 : 0.12), Math.max(3, x(turn.length_ms / 1000)), height * 0.32, 4);
      pen.fill();
    }
  }
}
