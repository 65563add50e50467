// The last half minute of the call as a picture: levels of both sides, Exotel's buffer, and what happened when.

import { inks } from "../shared/ink.js";

const INKS = {
  cutPale: "color-mix(in srgb, var(--cut) 22%, transparent)",
  faint: "var(--faint)",
  line: "var(--line)",
  caller: "var(--caller)",
  agent: "var(--agent)",
  warn: "var(--warn)",
  cut: "var(--cut)",
};
const SIDES = /** @type {const} */ (["caller", "agent"]);

/** @typedef {{at_ms: number, caller: number, agent: number, waiting: number}} Column */
const WINDOW_MS = 30_000;
const QUIET_DB = -60;
const BUFFER_TOP_MS = 400;
const LOUD_STANDS_OUT = 1.8; // so that speech can be told from the ambience under it

export class Scope {
  #canvas;
  /** @type {Column[]} */
  #columns = [];
  /** @type {{kind: "clear" | "mark", at_ms: number}[]} */
  #events = [];
  /** @type {{at_ms: number, until_ms: number}[]} */
  #spans = [];
  #nowMs = 0;
  #due = false;
  #slow = matchMedia("(prefers-reduced-motion: reduce)");
  #drawnAt = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.#soon()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#soon());
  }

  clear() {
    this.#columns = [];
    this.#events = [];
    this.#spans = [];
    this.#nowMs = 0;
    this.#soon();
  }

  /** @param {import("./types").Levels} levels */
  add({ at_ms, caller_db, agent_db, waiting_ms }) {
    this.#nowMs = at_ms;
    this.#columns.push({
      at_ms,
      caller: share(caller_db) ** LOUD_STANDS_OUT,
      agent: share(agent_db) ** LOUD_STANDS_OUT,
      waiting: Math.min(1, waiting_ms / BUFFER_TOP_MS),
    });
    const from = at_ms - WINDOW_MS - 1000;
    while ((this.#columns[0]?.at_ms ?? from) < from) this.#columns.shift();
    while ((this.#events[0]?.at_ms ?? from) < from) this.#events.shift();
    while ((this.#spans[0]?.until_ms ?? from) < from) this.#spans.shift();
    this.#soon();
  }

  /** @param {"clear" | "mark"} kind @param {number} at_ms */
  note(kind, at_ms) {
    this.#events.push({ kind, at_ms });
  }

  /** The agent sounded on while the caller spoke. @param {number} at_ms @param {number} until_ms */
  span(at_ms, until_ms) {
    this.#spans.push({ at_ms, until_ms });
  }

  /**
   * @param {CanvasRenderingContext2D} pen @param {(ms: number) => number} x
   * @param {(column: Column) => number} top @param {(column: Column) => number} bottom
   */
  #shape(pen, x, top, bottom) {
    if (!this.#columns.length) return;
    pen.beginPath();
    for (const column of this.#columns) pen.lineTo(x(column.at_ms), top(column));
    for (const column of this.#columns.toReversed()) pen.lineTo(x(column.at_ms), bottom(column));
    pen.fill();
  }

  #soon() {
    if (this.#due || (this.#slow.matches && performance.now() - this.#drawnAt < 1000)) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#drawnAt = performance.now();
      this.#draw();
    });
  }

  #draw() {
    const canvas = this.#canvas;
    const scale = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    const pen = canvas.getContext("2d");
    if (!pen) return;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const ink = inks(canvas, INKS);
    const endMs = Math.max(this.#nowMs, WINDOW_MS);
    const x = (/** @type {number} */ ms) => width * (1 - (endMs - ms) / WINDOW_MS);
    const lanes = { caller: height * 0.25, agent: height * 0.61, bottom: height - 20 };
    const half = height * 0.16;

    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = ink.faint;
    pen.strokeStyle = ink.line;
    for (let second = Math.ceil((endMs - WINDOW_MS) / 5000) * 5; second * 1000 <= endMs; second += 5) {
      const at = Math.round(x(second * 1000)) + 0.5;
      pen.beginPath();
      pen.moveTo(at, 0);
      pen.lineTo(at, height - 18);
      pen.stroke();
      if (at > 12 && at < width - 16) pen.fillText(`${second} s`, at - 8, height - 5);
    }
    pen.fillStyle = ink.cutPale;
    for (const { at_ms, until_ms } of this.#spans)
      pen.fillRect(x(at_ms), 0, Math.max(2, x(until_ms) - x(at_ms)), lanes.bottom);

    for (const name of SIDES) {
      pen.fillStyle = ink[name];
      this.#shape(
        pen,
        x,
        (column) => lanes[name] - Math.max(0.75, column[name] * half),
        (column) => lanes[name] + Math.max(0.75, column[name] * half),
      );
    }
    pen.fillStyle = ink.warn;
    this.#shape(
      pen,
      x,
      (column) => lanes.bottom - column.waiting * height * 0.12,
      () => lanes.bottom,
    );
    for (const { kind, at_ms } of this.#events) {
      pen.strokeStyle = kind === "clear" ? ink.cut : ink.agent;
      pen.lineWidth = kind === "clear" ? 2 : 1.5;
      pen.setLineDash(kind === "clear" ? [] : [2, 3]);
      pen.beginPath();
      pen.moveTo(x(at_ms), kind === "clear" ? 4 : lanes.agent - half - 6);
      pen.lineTo(x(at_ms), kind === "clear" ? lanes.bottom : lanes.agent + half + 6);
      pen.stroke();
    }
    pen.setLineDash([]);
    pen.lineWidth = 1;
  }
}

/** A level as 0 to 1, for the meters. @param {number} db */
export function share(db) {
  return Math.max(0, Math.min(1, 1 - db / QUIET_DB));
}
