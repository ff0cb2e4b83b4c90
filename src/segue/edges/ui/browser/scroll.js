// The picture that scrolls by: the waveform, segments shaded on it, the probability below, and where the model changed.

const rulerHeight = 20;
const scoreShare = 0.28;

function secondsShown(width) {
  return width < 600 ? 12 : 30;
}

class Scroll {
  constructor(canvas, words) {
    this.canvas = canvas;
    this.words = words;
    this.scale = 0.1; // of the waveform: the loudest that is seen, which falls slowly
  }

  colour(name) {
    return this.colours.getPropertyValue(name).trim();
  }

  // `now`: the ms at the right edge.
  draw(heard, now) {
    const { canvas } = this;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (!width) return;
    const dense = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
      canvas.width = Math.round(width * dense);
      canvas.height = Math.round(height * dense);
    }
    this.colours = getComputedStyle(canvas);
    const pen = canvas.getContext("2d");
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = "11px system-ui, sans-serif";
    const shownMs = secondsShown(width) * 1000;
    const fromMs = now - shownMs;
    const view = { pen, width, fromMs, shownMs, x: (ms) => ((ms - fromMs) / shownMs) * width };
    view.scoresTop = Math.round((height - rulerHeight) * (1 - scoreShare));
    view.bottom = height - rulerHeight;
    this.ruler(view, now);
    if (!heard) return;
    this.segments(view, heard);
    this.wave(view, heard);
    this.scores(view, heard);
    this.changes(view, heard);
  }

  ruler({ pen, width, bottom, scoresTop, fromMs, shownMs, x }, now) {
    pen.fillStyle = this.colour("--quiet");
    pen.strokeStyle = this.colour("--line");
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(0, scoresTop + 0.5);
    pen.lineTo(width, scoresTop + 0.5);
    pen.moveTo(0, bottom + 0.5);
    pen.lineTo(width, bottom + 0.5);
    const stepMs = shownMs > 15000 ? 5000 : 2000;
    for (let ms = Math.max(0, Math.ceil(fromMs / stepMs) * stepMs); ms <= now; ms += stepMs) {
      const place = Math.round(x(ms)) + 0.5;
      pen.moveTo(place, 0);
      pen.lineTo(place, bottom);
      const text = `${ms / 1000} s`;
      const half = pen.measureText(text).width / 2;
      if (place > half && place < width - half) pen.fillText(text, place - half, bottom + 14);
    }
    pen.stroke();
    pen.fillText(this.words.probability, 4, scoresTop + 13);
  }

  segments({ pen, x, bottom }, heard) {
    const spans = heard.segments.map((each) => [each.start, each.end, String(each.number)]);
    if (heard.isSpeech) spans.push([heard.openFrom, Math.max(heard.openFrom, heard.decidedMs), ""]);
    for (const [start, end, name] of spans) {
      const left = x(start);
      const right = x(end);
      if (right < 0) continue;
      pen.fillStyle = this.colour(name ? "--shade" : "--open");
      pen.fillRect(left, 0, right - left, bottom);
      pen.fillStyle = this.colour("--edge");
      pen.fillRect(left, 0, 1.5, bottom);
      if (name) {
        pen.fillRect(right - 1.5, 0, 1.5, bottom);
        if (right - left > 14) pen.fillText(name, left + 4, 12);
      } else {
        pen.fillRect(left, 0, right - left, 3);
      }
    }
  }

  wave({ pen, width, fromMs, shownMs, scoresTop }, heard) {
    const middle = scoresTop / 2;
    const perPixel = shownMs / columnMs / width;
    const lows = [];
    const highs = [];
    let loudest = 0.02;
    const left = Math.max(0, Math.ceil((-fromMs / shownMs) * width)); // where the listening began
    lows.length = highs.length = left;
    for (let px = left; px < width; px++) {
      const first = Math.floor(fromMs / columnMs + px * perPixel);
      const last = Math.max(first, Math.floor(fromMs / columnMs + (px + 1) * perPixel) - 1);
      let low = 0;
      let high = 0;
      for (let column = first; column <= last; column++) {
        low = Math.min(low, heard.low.get(column));
        high = Math.max(high, heard.high.get(column));
      }
      lows.push(low);
      highs.push(high);
      loudest = Math.max(loudest, -low, high);
    }
    this.scale = Math.max(loudest, this.scale * 0.98);
    const tall = (middle - 6) / this.scale;
    pen.fillStyle = this.colour("--wave");
    for (let px = left; px < width; px++) {
      pen.fillRect(px, middle - highs[px] * tall, 1, Math.max(1, (highs[px] - lows[px]) * tall));
    }
  }

  scores({ pen, fromMs, shownMs, x, scoresTop, bottom }, heard) {
    if (!heard.scores) return;
    const { frameMs } = heard;
    const tall = bottom - scoresTop - 4;
    pen.strokeStyle = this.colour("--score");
    pen.lineWidth = 1.5;
    pen.beginPath();
    const first = Math.max(0, Math.floor(fromMs / frameMs), heard.scores.end - heard.scores.values.length);
    const last = Math.min(heard.scores.end, Math.ceil((fromMs + shownMs) / frameMs));
    for (let frame = first; frame < last; frame++) {
      pen.lineTo(x(frame * frameMs), bottom - 1 - heard.scores.get(frame) * tall);
    }
    pen.stroke();
  }

  changes({ pen, x, width, scoresTop, bottom }, heard) {
    pen.fillStyle = this.colour("--mark");
    for (const { at, after } of heard.changes) {
      const place = x(at);
      if (place < 0) continue;
      for (let y = 0; y < bottom; y += 7) pen.fillRect(place - 1, y, 2, 4);
      const text = this.words.marker.replace("{after}", () => after);
      const long = pen.measureText(text).width;
      pen.fillText(text, Math.min(place + 4, width - long - 2), scoresTop - 6);
    }
  }
}
