// A streaming, band-limited resampler: windowed sinc, state kept from block to block, no allocation while it runs.

const CROSSINGS = 16; // zero crossings of the sinc on each side: a transition band of about 10 % of the lower rate
const STEPS = 512; // kernel values per input sample; between them it is interpolated
const CAPACITY = 16384;

export class Resampler {
  /** @param {number} fromHz @param {number} toHz */
  constructor(fromHz, toHz) {
    this.step = fromHz / toHz;
    const cutoff = Math.min(1, toHz / fromHz) * 0.94; // of the input's Nyquist frequency
    this.reach = Math.ceil(CROSSINGS / cutoff);
    this.kernel = kernel(cutoff, this.reach);
    this.buffer = new Float32Array(CAPACITY);
    this.filled = this.reach; // silence before the first sample
    this.position = this.reach;
  }

  /** Take in samples (at most a second); calls `emit` with each output sample.
   * @param {Float32Array} samples @param {(sample: number) => void} emit */
  push(samples, emit) {
    if (this.filled + samples.length > CAPACITY) this.#shift();
    this.buffer.set(samples, this.filled);
    this.filled += samples.length;
    const { buffer, kernel, reach } = this;
    while (this.position + reach < this.filled) {
      const first = Math.ceil(this.position - reach);
      const last = Math.floor(this.position + reach);
      let sum = 0;
      for (let index = first; index <= last; index++) {
        const place = Math.abs(index - this.position) * STEPS;
        const whole = place | 0;
        const low = kernel[whole] ?? 0;
        sum += (buffer[index] ?? 0) * (low + ((kernel[whole + 1] ?? 0) - low) * (place - whole));
      }
      emit(sum);
      this.position += this.step;
    }
  }

  #shift() {
    const gone = Math.floor(this.position) - this.reach;
    this.buffer.copyWithin(0, gone, this.filled);
    this.filled -= gone;
    this.position -= gone;
  }
}

/** One side of the kernel, Blackman-windowed. @param {number} cutoff @param {number} reach */
function kernel(cutoff, reach) {
  const values = new Float32Array(reach * STEPS + 2);
  for (let index = 0; index <= reach * STEPS; index++) {
    const at = index / STEPS;
    const angle = Math.PI * cutoff * at;
    const phase = Math.PI * (1 + at / reach);
    const window = 0.42 - 0.5 * Math.cos(phase) + 0.08 * Math.cos(2 * phase);
    values[index] = cutoff * (index ? Math.sin(angle) / angle : 1) * window;
  }
  return values;
}
