// AudioWorklet: frames of the line, resampled to the loudspeaker's rate, through a small jitter buffer.
import { Resampler } from "./resampler.js";

const PRIMED_S = 0.06; // play once this much is there: the console's frames come every 20 ms, give or take
const MOST_S = 0.25; // more is delay for nothing: the loudspeaker's clock is slower, or the page hung

class Playback extends AudioWorkletProcessor {
  /** @param {{processorOptions: {rateHz: number}}} options */
  constructor({ processorOptions: { rateHz } }) {
    super();
    this.resampler = new Resampler(rateHz, sampleRate);
    this.ring = new Float32Array(sampleRate);
    this.write = 0;
    this.read = 0;
    this.playing = false;
    this.put = (/** @type {number} */ sample) => {
      this.ring[this.write++ % this.ring.length] = sample;
    };
    this.port.onmessage = ({ data }) => {
      const samples = Float32Array.from(new Int16Array(data), (sample) => sample / 32768);
      this.resampler.push(samples, this.put);
      if (this.write - this.read > MOST_S * sampleRate) this.read = this.write - PRIMED_S * sampleRate;
    };
  }

  /** @param {Float32Array[][]} _ @param {Float32Array[][]} outputs */
  process(_, [channels = []]) {
    const [left] = channels;
    if (!left) return true;
    if (!this.playing && this.write - this.read >= PRIMED_S * sampleRate) this.playing = true;
    for (let index = 0; this.playing && index < left.length; index++) {
      if (this.read >= this.write) this.playing = false;
      else left[index] = this.ring[Math.floor(this.read++) % this.ring.length] ?? 0;
    }
    for (const channel of channels.slice(1)) channel.set(left);
    return true;
  }
}

registerProcessor("playback", Playback);
