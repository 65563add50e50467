// Sound, picture and clock of a call, kept at the same place. Made once; each call is loaded into it.
import { byId } from "../shared/dom.js";
import { clock } from "../shared/format.js";
import { Waveform } from "./waveform.js";

/** @typedef {import("./types").Sound} Sound */
/** @typedef {import("./types").TurnItem} TurnItem */

const BEFORE_INTERRUPTION_S = 3;
const BACK_S = 10;

export class Player {
  #audio = new Audio();
  #button = byId("play", HTMLButtonElement);
  #clock = byId("clock");
  #wave;
  #onAt;
  #path = "";
  #offsetS = 0;
  #nowS = 0;
  #lengthS = 0;
  #heard = false;
  /** Where to play from once the sound is there; it comes after the words. @type {number | null} */
  #wantedS = null;
  /** @type {number[]} */
  #interruptions = [];

  /** @param {(seconds: number, playing: boolean) => void} onAt where in the call it is now */
  constructor(onAt) {
    this.#onAt = onAt;
    this.#wave = new Waveform(byId("wave"), (seconds) => this.seek(seconds, true));
    this.#audio.preload = "metadata";
    this.#audio.addEventListener("timeupdate", () => this.#at(this.#audio.currentTime + this.#offsetS));
    for (const event of ["play", "pause", "ended"]) this.#audio.addEventListener(event, () => this.#shown());
    this.#button.addEventListener("click", () => (this.#audio.paused ? this.#play() : this.#audio.pause()));
    byId("back").addEventListener("click", () => this.seek(this.#nowS - BACK_S, !this.#audio.paused));
    byId("previous-cut").addEventListener("click", () => this.#toInterruption(-1));
    byId("next-cut").addEventListener("click", () => this.#toInterruption(1));
    const speed = byId("speed", HTMLSelectElement);
    speed.addEventListener("change", () => {
      this.#audio.defaultPlaybackRate = this.#audio.playbackRate = Number(speed.value);
    });
    const zoom = byId("zoom", HTMLSelectElement);
    zoom.addEventListener("change", () => this.#wave.zoom(Number(zoom.value)));
  }

  get nowS() {
    return this.#nowS;
  }

  /** A call without its sound, which comes when it comes. @param {string} path @param {TurnItem[]} turns
   * @param {number} lengthS */
  load(path, turns, lengthS) {
    this.#turnsAre(turns);
    this.#lengthS = lengthS;
    if (path === this.#path) return;
    this.stop();
    this.#path = path;
    this.#nowS = 0;
    this.#heard = false;
    this.#wantedS = null;
    this.#button.disabled = true;
    this.#wave.show({ channels: [] }, turns, lengthS);
    this.#at(0);
  }

  /** @param {string} path of the call it belongs to @param {Sound} sound @param {TurnItem[]} turns
   * @param {number} lengthS */
  sounds(path, sound, turns, lengthS) {
    if (path !== this.#path) return;
    this.#offsetS = (sound.offset_ms ?? 0) / 1000;
    this.#lengthS = lengthS;
    this.#heard = sound.channels.length > 0;
    this.#button.disabled = !this.#heard;
    this.#wave.show(sound, turns, lengthS);
    const sides = sound.channels.length > 1 ? "Above: the caller. Below: the agent. Click to play from there." : "";
    const without = sound.problem ?? "There is no recording of this call: this is drawn from the times of the turns.";
    const cuts = this.#interruptions.length ? " Red: the caller cut in." : "";
    const soFar = sound.so_far ? " More may follow: reload the page later." : "";
    byId("sound-note").textContent = `${this.#heard ? sides || "Click to play from there." : without}${cuts}${soFar}`;
    if (!this.#heard) return;
    this.#audio.src = `api/${path}/sound`;
    if (this.#wantedS !== null) this.seek(this.#wantedS, true);
    else if (this.#nowS) this.seek(this.#nowS);
  }

  /** @param {number} seconds since the call began @param {boolean} [play] */
  seek(seconds, play = false) {
    const wanted = Math.max(0, seconds);
    if (this.#heard) {
      this.#audio.currentTime = Math.max(0, wanted - this.#offsetS);
      if (play) this.#play();
    } else if (play) this.#wantedS = wanted;
    this.#at(wanted);
  }

  /** The page goes elsewhere. */
  stop() {
    this.#audio.pause();
    if (this.#audio.hasAttribute("src")) {
      this.#audio.removeAttribute("src");
      this.#audio.load(); // lets the connection go
    }
    this.#path = "";
  }

  /** @param {TurnItem[]} turns */
  #turnsAre(turns) {
    this.#interruptions = turns
      .filter(({ interrupted }) => interrupted)
      .map((turn) => (turn.at_ms + turn.length_ms) / 1000);
    for (const id of ["previous-cut", "next-cut"]) byId(id).hidden = !this.#interruptions.length;
  }

  #play() {
    this.#audio.play().catch((error) => {
      byId("sound-note").textContent = `The browser can't play this: ${error.message}`;
    });
  }

  /** @param {-1 | 1} direction */
  #toInterruption(direction) {
    const here = this.#nowS + BEFORE_INTERRUPTION_S;
    const found =
      direction > 0
        ? this.#interruptions.find((at) => at > here + 0.5)
        : this.#interruptions.findLast((at) => at < here - 0.5);
    if (found !== undefined) this.seek(found - BEFORE_INTERRUPTION_S, true);
  }

  /** @param {number} seconds */
  #at(seconds) {
    this.#nowS = seconds;
    this.#wave.at(seconds);
    this.#clock.textContent = `${clock(seconds)} / ${clock(this.#lengthS)}`;
    this.#onAt(seconds, !this.#audio.paused);
  }

  #shown() {
    const playing = !this.#audio.paused && !this.#audio.ended;
    this.#button.textContent = playing ? "❚❚" : "▶";
    this.#button.setAttribute("aria-label", playing ? "Pause" : "Play");
  }
}
