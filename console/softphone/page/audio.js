// Microphone and loudspeaker of one call.

/** @type {Record<string, string>} */
const SENTENCES = {
  NotFoundError: "No microphone was found. Plug one in and call again, or call without one.",
  NotAllowedError:
    "The browser blocks the microphone for this page. Allow it beside the address bar and call again, " +
    "or call without one.",
  NotReadableError:
    "The microphone is there but can't be used: another program may be using it. Close that and call again, " +
    "or call without one.",
};

/** Why there is no microphone; `sentence` is for the person. */
export class MicrophoneError extends Error {
  /** @param {Error} cause */
  constructor(cause) {
    super(SENTENCES[cause.name] ?? `The microphone can't be used: ${cause.message}. You can call without one.`, {
      cause,
    });
  }
}

/** Opened for a call, closed after it. */
export class Sound {
  #context = new AudioContext({ latencyHint: "interactive" });
  /** @type {AudioWorkletNode | undefined} */
  #playback;
  /** @type {MediaStream | null} */
  #stream = null;

  /** Must be called from a click, or browsers keep the sound off. Throws MicrophoneError.
   * @param {number} rateHz the line's
   * @param {{microphone: boolean, clean: boolean}} wanted clean: without echo and noise, at an even level
   * @param {(frame: ArrayBuffer) => void} onFrame 20 ms of 16-bit samples at the line's rate */
  async open(rateHz, wanted, onFrame) {
    const context = this.#context;
    const base = new URL(".", import.meta.url);
    try {
      if (wanted.microphone) this.#stream = await microphone(wanted.clean);
      await Promise.all(
        ["capture.js", "playback.js"].map((file) => context.audioWorklet.addModule(new URL(file, base))),
      );
      await context.resume();
    } catch (error) {
      await this.close();
      throw error;
    }
    const processorOptions = { rateHz };
    this.#playback = new AudioWorkletNode(context, "playback", {
      numberOfInputs: 0,
      outputChannelCount: [2],
      processorOptions,
    });
    this.#playback.connect(context.destination);
    if (!this.#stream) return;
    const capture = new AudioWorkletNode(context, "capture", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions,
    });
    capture.port.onmessage = ({ data }) => onFrame(data);
    context.createMediaStreamSource(this.#stream).connect(capture);
  }

  /** @param {ArrayBuffer} frame 20 ms of 16-bit samples at the line's rate */
  play(frame) {
    this.#playback?.port.postMessage(frame, [frame]);
  }

  async close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    if (this.#context.state !== "closed") await this.#context.close();
  }
}

/** @param {boolean} clean */
async function microphone(clean) {
  try {
    if (!navigator.mediaDevices) throw new DOMException("this browser offers none here", "NotFoundError");
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: clean, noiseSuppression: clean, autoGainControl: clean },
    });
  } catch (error) {
    throw new MicrophoneError(error instanceof Error ? error : new Error(String(error)));
  }
}
