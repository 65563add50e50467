// AudioWorklet: the microphone, resampled to the line's rate, in frames of 20 ms of 16-bit samples.
import { Resampler } from "./resampler.js";

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions: { rateHz } }) {
    super();
    this.resampler = new Resampler(sampleRate, rateHz);
    this.size = rateHz / 50;
    this.frame = new Int16Array(this.size);
    this.filled = 0;
    this.take = (sample) => {
      this.frame[this.filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.filled < this.size) return;
      this.port.postMessage(this.frame.buffer, [this.frame.buffer]);
      this.frame = new Int16Array(this.size);
      this.filled = 0;
    };
  }

  process([channels]) {
    if (channels.length) this.resampler.push(channels[0], this.take);
    return true;
  }
}

registerProcessor("capture", Capture);
