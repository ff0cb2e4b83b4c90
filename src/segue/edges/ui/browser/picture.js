// A waveform with its segments: zoom, pan, hover, keys, and playing of what is clicked. The value comes from picture.py.

const root = element.querySelector(".picture");
const [stage, canvas, groups, needle, place, readout, audio] = [
  ".stage", "canvas", ".groups", ".needle", ".place", ".readout", "audio",
].map((name) => root.querySelector(name));
const [waveHigh, laneHigh, scoreHigh, axisHigh, labelHigh] = [112, 20, 46, 20, 17];
const mostButtons = 300;
const mostDetailMs = 90_000;
const leastSpanMs = 50;
let told = null; // the value, decoded
let view = {from: 0, to: 1}; // ms
let detail = null; // samples of what is looked at closely: {from, to, samples}
let playing = null; // {track, index} or null: all of it
let stopAtMs = Infinity;
let hoverMs = null;
let isDue = false;
let wantedDetail = 0;

const words = props.words;
const put = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
const seconds = (ms) => (ms / 1000).toFixed(3);
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const width = () => Math.max(1, stage.clientWidth);
const xOf = (ms) => ((ms - view.from) / (view.to - view.from)) * width();
const msOf = (x) => view.from + (x / width()) * (view.to - view.from);

function clock(ms, step = 1000) {
  const whole = Math.floor(ms / 1000 + 1e-6);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const places = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3;
  const part = places ? (ms / 1000 - whole).toFixed(places).slice(1) : "";
  return hours ? `${hours}:${two(minutes)}:${two(rest)}${part}` : `${minutes}:${two(rest)}${part}`;
}

// -- the value -------------------------------------------------------------------------------------------------------

function take(value) {
  stop();
  told = null;
  detail = null;
  groups.replaceChildren();
  root.hidden = !value;
  if (!value) {
    audio.removeAttribute("src");
    return;
  }
  told = {
    ...value,
    duration_ms: Math.max(1, value.duration_ms),
    // Under the address of this page: what Gradio makes of its own may lack the page's path, or name another scheme.
    address: `${location.pathname.replace(/[^/]*$/, "")}gradio_api/file=${encodeURI(value.audio.path)}`,
    low: new Int8Array(bytesOf(value.low).buffer),
    high: new Int8Array(bytesOf(value.high).buffer),
    tracks: value.tracks.map((track) => ({...track, scores: track.scores && bytesOf(track.scores), at: 0})),
  };
  audio.src = told.address;
  view = {from: 0, to: told.duration_ms};
  let top = waveHigh;
  const several = told.tracks.length > 1;
  told.tracks.forEach((track, number) => {
    track.labelTop = top;
    if (several) top += labelHigh;
    track.top = several ? top : 0;
    if (several) top += laneHigh;
    track.scoreTop = top;
    if (track.scores) top += scoreHigh + 4;
    track.height = several ? laneHigh : top;
    track.buttons = new Map();
    const group = document.createElement("div");
    group.className = number % 2 ? "group second" : "group";
    group.setAttribute("role", "group");
    const said = {label: track.label, duration: clock(told.duration_ms), count: track.segments.length};
    group.setAttribute("aria-label", put(track.segments.length ? words.segments : words.none, said));
    track.group = group;
    groups.append(group);
  });
  told.axisTop = top;
  canvas.style.height = `${top + axisHigh}px`;
  needle.style.height = `${top}px`;
  due();
}

// -- segments --------------------------------------------------------------------------------------------------------

// Numbers of those in sight: they are in order.
function inView(pairs) {
  let [first, end] = [0, pairs.length];
  while (first < end) {
    const middle = (first + end) >> 1;
    if (pairs[middle][1] <= view.from) first = middle + 1;
    else end = middle;
  }
  const found = [];
  for (let at = first; at < pairs.length && pairs[at][0] < view.to; at += 1) found.push(at);
  return found;
}

function placeButtons(track, number) {
  let shown = inView(track.segments);
  if (shown.length > mostButtons) shown = shown.filter((at) => xOf(track.segments[at][1]) - xOf(track.segments[at][0]) > 5);
  const wanted = new Set(shown.slice(0, mostButtons));
  if (track.segments.length) wanted.add(track.at);
  for (const [at, button] of track.buttons) {
    if (wanted.has(at)) continue;
    button.remove();
    track.buttons.delete(at);
  }
  for (const at of [...wanted].sort((one, other) => one - other)) {
    const button = track.buttons.get(at) ?? madeButton(track, number, at);
    const [from, to] = track.segments[at].map(xOf);
    const [left, right] = [Math.max(-2, from), Math.min(width() + 2, to)];
    Object.assign(button.style, {left: `${left}px`, width: `${Math.max(3, right - left)}px`, top: `${track.top}px`, height: `${track.height}px`});
    button.textContent = right - left > 8 * String(at + 1).length + 4 ? String(at + 1) : "";
    button.tabIndex = at === track.at ? 0 : -1;
    button.classList.toggle("playing", playing !== null && playing.track === number && playing.index === at);
    track.buttons.set(at, button);
  }
}

function madeButton(track, number, at) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "segment";
  button.dataset.track = String(number);
  button.dataset.index = String(at);
  const [from, to] = track.segments[at];
  button.setAttribute("aria-label", put(words.segment, {number: at + 1, start: seconds(from), end: seconds(to)}));
  const next = [...track.buttons].filter(([other]) => other > at).sort(([one], [other]) => one - other)[0];
  track.group.insertBefore(button, next ? next[1] : null);
  return button;
}

function goTo(number, at) {
  const track = told.tracks[number];
  if (!track?.segments[at]) return;
  track.at = at;
  const [from, to] = track.segments[at];
  if (from < view.from || to > view.to) {
    const span = Math.max(view.to - view.from, Math.min(told.duration_ms, (to - from) * 1.1));
    look((from + to) / 2 - span / 2, span);
  }
  draw();
  track.buttons.get(at).focus({preventScroll: true});
}

// -- looking ---------------------------------------------------------------------------------------------------------

function look(from, wantedSpan) {
  const span = Math.min(told.duration_ms, Math.max(leastSpanMs, wantedSpan));
  const begins = Math.min(Math.max(0, from), told.duration_ms - span);
  view = {from: begins, to: begins + span};
  due();
  clearTimeout(wantedDetail);
  if (span <= mostDetailMs && told.low.length / told.duration_ms < width() / span) wantedDetail = setTimeout(fetchDetail, 120);
}

function zoom(times, aroundX = width() / 2) {
  const around = msOf(aroundX);
  const span = Math.min(told.duration_ms, Math.max(leastSpanMs, (view.to - view.from) / times));
  look(around - (aroundX / width()) * span, span);
}

async function fetchDetail() {
  const [of, spare] = [told, (view.to - view.from) / 2];
  const [from, to] = [Math.max(0, view.from - spare), Math.min(told.duration_ms, view.to + spare)];
  if (detail && detail.from <= view.from && detail.to >= view.to) return;
  const [first, last] = [Math.floor((from * of.rate) / 1000), Math.ceil((to * of.rate) / 1000)];
  try {
    const answer = await fetch(of.address, {headers: {Range: `bytes=${44 + 2 * first}-${44 + 2 * last - 1}`}});
    if (answer.status !== 206) return;
    const bytes = await answer.arrayBuffer();
    if (told !== of) return;
    const start = (first * 1000) / of.rate;
    const samples = new Int16Array(bytes, 0, bytes.byteLength >> 1);
    detail = {from: start, to: last * 1000 / of.rate, samples};
    due();
  } catch {
    // the columns stay
  }
}
