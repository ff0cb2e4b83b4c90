// The microphone: 40 ms of int16 after another, at the device's own rate, none lost and none twice.

const chunkMs = 40;
// In the sound card's thread: whatever the page is busy with, no sample is missed; messages wait in order.
const worklet = `
registerProcessor("segue-microphone", class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.chunk = new Int16Array(Math.round(sampleRate * ${chunkMs} / 1000));
    this.filled = 0;
  }
  process(inputs) {
    const channels = inputs[0];
    const length = channels.length ? channels[0].length : 128; // nothing: the device is silent, time goes on
    for (let at = 0; at < length; at++) {
      let sum = 0;
      for (const channel of channels) sum += channel[at];
      const value = Math.round((channels.length ? sum / channels.length : 0) * 32768);
      this.chunk[this.filled++] = Math.max(-32768, Math.min(32767, value));
      if (this.filled === this.chunk.length) {
        this.port.postMessage(this.chunk); // a copy: the buffer is used again
        this.filled = 0;
      }
    }
    return true;
  }
});`;

// As it is: what would make a voice pleasant (echo, noise, gain) would change what the model hears.
const asItIs = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

class Microphone {
  // `onChunk(int16)`, `onLost()` when the device goes. The caller is told what is wrong by what `open` throws.
  constructor(onChunk, onLost) {
    this.onChunk = onChunk;
    this.onLost = onLost;
    this.rate = 0;
    this.stream = null;
    this.context = null;
  }

  async open() {
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: asItIs });
    this.stream.getAudioTracks()[0].addEventListener("ended", () => this.onLost());
    this.context = new AudioContext();
    this.rate = this.context.sampleRate;
    const address = URL.createObjectURL(new Blob([worklet], { type: "text/javascript" }));
    try {
      await this.context.audioWorklet.addModule(address);
    } finally {
      URL.revokeObjectURL(address);
    }
    await this.context.resume();
  }

  // From now on chunks come.
  begin() {
    const source = this.context.createMediaStreamSource(this.stream);
    this.node = new AudioWorkletNode(this.context, "segue-microphone", { numberOfOutputs: 0 });
    this.node.port.onmessage = (event) => this.onChunk(event.data);
    source.connect(this.node);
  }

  close() {
    if (this.node) this.node.port.onmessage = null;
    if (this.stream) for (const track of this.stream.getTracks()) track.stop();
    if (this.context && this.context.state !== "closed") this.context.close();
  }
}

// Which word says why there is no microphone.
function microphoneFault(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return "denied";
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return "no_microphone";
  return "microphone_busy";
}
