// AudioWorklet: the microphone, resampled to the line's rate, in frames of 20 ms of 16-bit samples.
import { Resampler } from "./resampler.js";

class Capture extends AudioWorkletProcessor {
  /** @param {{processorOptions: {rateHz: number}}} options */
  constructor({ processorOptions: { rateHz } }) {
    super();
    this.resampler = new Resampler(sampleRate, rateHz);
    this.size = rateHz / 50;
    this.frame = new Int16Array(this.size);
    this.filled = 0;
    this.take = (/** @type {number} */ sample) => {
      this.frame[this.filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.filled < this.size) return;
      this.port.postMessage(this.frame.buffer, [this.frame.buffer]);
      this.frame = new Int16Array(this.size);
      this.filled = 0;
    };
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    if (channels?.[0]) this.resampler.push(channels[0], this.take);
    return true;
  }
}

registerProcessor("capture", Capture);
