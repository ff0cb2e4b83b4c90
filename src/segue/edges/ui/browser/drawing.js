// What is drawn of it: waveform, shades, probabilities, axis.

function due() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    if (told && stage.clientWidth) draw();
  });
}

function draw() {
  const scale = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width() * scale), Math.round((told.axisTop + axisHigh) * scale)];
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width(), high);
  drawShades(pen);
  drawWave(pen, scale);
  told.tracks.forEach((track) => drawScores(pen, track));
  drawAxis(pen);
  told.tracks.forEach(placeButtons);
  placeNeedle();
  const isWhole = view.from <= 0 && view.to >= told.duration_ms;
  place.hidden = isWhole;
  place.value = String(Math.round((1000 * view.from) / Math.max(1, told.duration_ms - (view.to - view.from))));
  root.querySelector("[data-do=whole]").disabled = root.querySelector("[data-do=farther]").disabled = isWhole;
  root.querySelector("[data-do=closer]").disabled = view.to - view.from <= leastSpanMs;
}

function drawShades(pen) {
  const band = waveHigh / Math.max(1, told.tracks.length);
  told.tracks.forEach((track, number) => {
    const shade = colour(number % 2 ? "--second" : "--shade");
    const several = told.tracks.length > 1;
    for (const [from, to] of inView(track.segments).map((at) => track.segments[at])) {
      const [x, w] = [xOf(from), Math.max(1, xOf(to) - xOf(from))];
      pen.fillStyle = `rgba(${shade}, .2)`;
      pen.fillRect(x, number * band, w, band);
      if (track.scores) pen.fillRect(x, track.scoreTop, w, scoreHigh);
      if (several) {
        pen.fillStyle = `rgba(${shade}, .45)`;
        pen.fillRect(x, track.top, w, laneHigh - 2);
      }
    }
    pen.fillStyle = colour("--mark");
    for (const [from, to] of inView(track.marks).map((at) => track.marks[at])) {
      const [x, w] = [xOf(from), Math.max(1.5, xOf(to) - xOf(from))];
      pen.globalAlpha = 0.22;
      pen.fillRect(x, number * band, w, band);
      pen.globalAlpha = 1;
      pen.fillRect(x, track.top + laneHigh - 5, w, 3);
    }
  });
}

function drawWave(pen, scale) {
  const [middle, reach, step] = [waveHigh / 2, waveHigh / 2 - 12, 1 / scale];
  pen.fillStyle = colour("--wave");
  for (let x = 0; x < width(); x += step) {
    const [low, high] = extremes(msOf(x), msOf(x + step));
    const top = middle - high * reach;
    pen.fillRect(x, top, step, Math.max(0.6, (high - low) * reach));
  }
}

// Lowest and highest of a stretch, -1 to 1 of the peak: of the samples where they are there, else of the columns.
function extremes(from, to) {
  if (detail && from >= detail.from && to <= detail.to) {
    const each = told.rate / 1000;
    const first = Math.floor((from - detail.from) * each);
    const last = Math.max(first + 1, Math.ceil((to - detail.from) * each));
    let [low, high] = [Infinity, -Infinity];
    for (let at = first; at < last && at < detail.samples.length; at += 1) {
      low = Math.min(low, detail.samples[at]);
      high = Math.max(high, detail.samples[at]);
    }
    return low > high ? [0, 0] : [low / 32768 / told.peak, high / 32768 / told.peak];
  }
  const count = told.low.length;
  const first = Math.max(0, Math.floor((from / told.duration_ms) * count));
  const last = Math.min(count, Math.max(first + 1, Math.ceil((to / told.duration_ms) * count)));
  let [low, high] = [Infinity, -Infinity];
  for (let at = first; at < last; at += 1) {
    low = Math.min(low, told.low[at]);
    high = Math.max(high, told.high[at]);
  }
  return low > high ? [0, 0] : [low / 127, high / 127];
}

function scoreAt(track, from, to) {
  const first = Math.floor(from / track.score_ms);
  const last = Math.max(first + 1, Math.ceil(to / track.score_ms));
  let most = -1;
  for (let at = Math.max(0, first); at < last && at < track.scores.length; at += 1) most = Math.max(most, track.scores[at]);
  return most / 255;
}

function drawScores(pen, track) {
  pen.font = "600 11px system-ui, sans-serif";
  pen.textBaseline = "alphabetic";
  pen.textAlign = "left";
  pen.fillStyle = colour("--ink");
  if (told.tracks.length > 1) pen.fillText(track.label, 2, track.labelTop + 13, width() - 4);
  if (!track.scores) return;
  const y = (score) => track.scoreTop + scoreHigh - 2 - score * (scoreHigh - 6);
  pen.beginPath();
  pen.moveTo(0, y(0));
  for (let x = 0; x <= width(); x += 1) {
    const score = scoreAt(track, msOf(x), msOf(x + 1));
    if (score >= 0) pen.lineTo(x, y(score));
  }
  pen.strokeStyle = colour("--score");
  pen.lineWidth = 1.1;
  pen.stroke();
  if (track.threshold === null) return;
  pen.strokeStyle = colour("--rule");
  pen.setLineDash([4, 3]);
  pen.beginPath();
  pen.moveTo(0, y(track.threshold));
  pen.lineTo(width(), y(track.threshold));
  pen.stroke();
  pen.setLineDash([]);
}

function drawAxis(pen) {
  const wanted = ((view.to - view.from) / width()) * 80;
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 144e5];
  const step = steps.find((each) => each >= wanted) ?? 288e5;
  pen.fillStyle = colour("--ink");
  pen.strokeStyle = colour("--line");
  pen.lineWidth = 1;
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "top";
  pen.beginPath();
  pen.moveTo(0, told.axisTop + 0.5);
  pen.lineTo(width(), told.axisTop + 0.5);
  for (let ms = Math.ceil(view.from / step) * step; ms <= view.to; ms += step) {
    const x = xOf(ms);
    pen.moveTo(x, told.axisTop);
    pen.lineTo(x, told.axisTop + 4);
    const text = clock(ms, step);
    const half = pen.measureText(text).width / 2;
    pen.fillText(text, Math.min(width() - 2 * half, Math.max(0, x - half)), told.axisTop + 6);
  }
  pen.stroke();
}
