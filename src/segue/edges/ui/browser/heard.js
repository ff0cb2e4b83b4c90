// What was heard, of the last two minutes: an hour takes no more memory than two minutes.

const keptMs = 120000;
const columnMs = 10;
const mostSegments = 50;
const mostHappened = 20;

// Values in order, of which the last `size` are kept.
class Ring {
  constructor(size) {
    this.values = new Float32Array(size);
    this.end = 0; // the place after the last
  }
  put(place, value) {
    this.values[place % this.values.length] = value;
    this.end = place + 1;
  }
  get(place) {
    const isKept = place >= 0 && place < this.end && place >= this.end - this.values.length;
    return isKept ? this.values[place % this.values.length] : 0;
  }
}

class Heard {
  constructor(rate) {
    this.rate = rate;
    this.samples = 0; // of the microphone
    this.low = new Ring(keptMs / columnMs);
    this.high = new Ring(keptMs / columnMs);
    this.scores = null;
    this.frameMs = 0;
    this.decidedMs = 0; // so far the service has decided
    this.gaps = 0; // frames that came twice or not at all: there are none
    this.segments = []; // the newest last: {number, start, end}
    this.openFrom = null; // the start of the open utterance
    this.count = 0;
    this.speechMs = 0;
    this.changes = []; // {at, before, after}
    this.model = null; // who decides: {model, version, mode, preset}
    this.beganAt = Infinity; // when sample 0 was heard, by this page's clock
    this.delayMs = 0;
  }

  get capturedMs() {
    return (this.samples / this.rate) * 1000;
  }

  get isSpeech() {
    return this.openFrom !== null;
  }

  get totalSpeechMs() {
    return this.speechMs + (this.isSpeech ? Math.max(0, this.decidedMs - this.openFrom) : 0);
  }

  capture(chunk, now) {
    const perColumn = (this.rate * columnMs) / 1000;
    for (let at = 0; at < chunk.length; ) {
      const column = Math.floor((this.samples + at) / perColumn);
      const next = Math.min(chunk.length, Math.max(at + 1, Math.ceil((column + 1) * perColumn) - this.samples));
      let low = this.low.end === column + 1 ? this.low.get(column) : 1;
      let high = this.high.end === column + 1 ? this.high.get(column) : -1;
      for (; at < next; at++) {
        const value = chunk[at] / 32768;
        if (value < low) low = value;
        if (value > high) high = value;
      }
      this.low.put(column, low);
      this.high.put(column, high);
    }
    this.samples += chunk.length;
    // The two clocks drift apart: the quickest chunk counts, and is forgotten by and by.
    this.beganAt = Math.min(this.beganAt + 0.01, now - this.capturedMs);
  }

  accept(message, now) {
    if (message.type === "opened") this.model = message;
    else if (message.type === "scores") this.score(message, now);
    else if (message.type === "started") this.openFrom = message.at_ms;
    else if (message.type === "ended") this.end(message.start_ms, message.end_ms);
    else if (message.type === "changed") {
      this.model = message;
      this.changes.push({ at: message.at_ms, before: message.before, after: message.version });
      if (this.changes.length > mostHappened) this.changes.shift();
    }
  }

  score({ from_ms: fromMs, frame_ms: frameMs, values }, now) {
    if (this.scores === null) {
      this.frameMs = frameMs;
      this.scores = new Ring(Math.ceil(keptMs / frameMs));
    }
    const first = Math.round(fromMs / frameMs);
    this.gaps += Math.abs(first - this.scores.end);
    values.forEach((value, index) => this.scores.put(first + index, value));
    this.decidedMs = (first + values.length) * frameMs;
    this.delayMs = Math.max(0, now - this.beganAt - this.decidedMs);
  }

  end(startMs, endMs) {
    this.openFrom = null;
    this.count += 1;
    this.speechMs += endMs - startMs;
    this.segments.push({ number: this.count, start: startMs, end: endMs });
    if (this.segments.length > mostSegments) this.segments.shift();
  }
}
