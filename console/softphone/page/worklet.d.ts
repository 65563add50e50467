// What an AudioWorklet finds around it; TypeScript's own library has none of it.

declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare const sampleRate: number;
declare function registerProcessor(
  name: string,
  processor: new (options: { processorOptions: { rateHz: number } }) => AudioWorkletProcessor,
): void;
