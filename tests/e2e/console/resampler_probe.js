// A second of a tone through the resampler: how many samples come, how loud they are, what besides the tone is in them.
async ([module, from, to, hertz]) => {
  const { Resampler } = await import(module);
  const resampler = new Resampler(from, to);
  const out = [];
  const angle = (index, rate) => (2 * Math.PI * hertz * index) / rate;
  for (let block = 0; block < from; block += 128) {
    const samples = Float32Array.from({ length: 128 }, (_, index) => Math.sin(angle(block + index, from)));
    resampler.push(samples, (sample) => out.push(sample));
  }
  const count = to / 4;
  let [cosine, sine, power] = [0, 0, 0];
  for (let index = 0; index < count; index++) {
    const sample = out[to / 2 + index];
    cosine += sample * Math.cos(angle(index, to));
    sine += sample * Math.sin(angle(index, to));
    power += sample * sample;
  }
  const tone = (2 * (cosine ** 2 + sine ** 2)) / count;
  const db = (ratio) => 10 * Math.log10(Math.max(ratio, 1e-12));
  return { count: out.length, level: db((2 * power) / count), noise: db(Math.max(0, power - tone) / power) };
};
