// What hands do with it: hover, drag, pinch, wheel, click, keys. Then all begins.

function read() {
  const track = told?.tracks.find((each) => each.scores);
  if (hoverMs === null || !told) readout.textContent = "";
  else if (!track) readout.textContent = `${seconds(hoverMs)} s`;
  else readout.textContent = put(words.time, {time: seconds(hoverMs), score: Math.max(0, scoreAt(track, hoverMs, hoverMs)).toFixed(2)});
}

const hands = new Map(); // pointer -> its x
let grip = null; // what a drag began with

stage.addEventListener("pointerdown", (event) => {
  hands.set(event.pointerId, event.clientX);
  grip = {from: view.from, x: event.clientX, isDrag: false, apart: apart()};
});
window.addEventListener("pointerup", release);
window.addEventListener("pointercancel", release);

function release(event) {
  hands.delete(event.pointerId);
  stage.classList.remove("dragged");
  if (!hands.size) setTimeout(() => (grip = null)); // after the click that ends a drag
}

function apart() {
  const [one, other] = [...hands.values()];
  return other === undefined ? 0 : Math.max(10, Math.abs(one - other));
}

stage.addEventListener("pointermove", (event) => {
  if (!told) return;
  const left = stage.getBoundingClientRect().left;
  hoverMs = Math.min(told.duration_ms, Math.max(0, msOf(event.clientX - left)));
  read();
});

window.addEventListener("pointermove", (event) => {
  if (!told || !root.isConnected) return;
  const left = stage.getBoundingClientRect().left;
  if (!hands.has(event.pointerId) || !grip) return;
  hands.set(event.pointerId, event.clientX);
  if (hands.size === 2) {
    grip.isDrag = true;
    const [one, other] = [...hands.values()];
    zoom(apart() / (grip.apart || apart()), (one + other) / 2 - left);
    grip.apart = apart();
  } else if (grip.isDrag || Math.abs(event.clientX - grip.x) > 4) {
    grip.isDrag = true;
    stage.classList.add("dragged");
    const span = view.to - view.from;
    look(grip.from - ((event.clientX - grip.x) / width()) * span, span);
  }
});
stage.addEventListener("pointerleave", () => {
  hoverMs = null;
  read();
});

stage.addEventListener("wheel", (event) => {
  if (!told) return;
  const span = view.to - view.from;
  const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
  if (event.ctrlKey || event.metaKey) zoom(Math.exp(-event.deltaY / 200), event.clientX - stage.getBoundingClientRect().left);
  else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) look(view.from + (sideways / width()) * span, span);
  else return; // the page scrolls
  event.preventDefault();
}, {passive: false});

stage.addEventListener("click", (event) => {
  const button = event.target.closest(".segment");
  if (grip?.isDrag || !told) return;
  if (button) play(Number(button.dataset.track), Number(button.dataset.index));
});

stage.addEventListener("keydown", (event) => {
  const button = event.target.closest(".segment");
  if (!button || event.ctrlKey || event.metaKey || event.altKey) return;
  const [number, at] = [Number(button.dataset.track), Number(button.dataset.index)];
  const last = told.tracks[number].segments.length - 1;
  const to = {ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last}[event.key];
  if (to !== undefined) goTo(number, Math.min(last, Math.max(0, to)));
  else if (event.key === "+" || event.key === "=") zoom(2, xOf(told.tracks[number].segments[at][0]));
  else if (event.key === "-") zoom(0.5);
  else if (event.key === "Escape") stop();
  else return;
  event.preventDefault();
});

root.querySelector(".tools").addEventListener("click", (event) => {
  const what = event.target.closest("button")?.dataset.do;
  if (!what || !told) return;
  if (what === "closer") zoom(2);
  else if (what === "farther") zoom(0.5);
  else if (what === "whole") look(0, told.duration_ms);
  else if (!audio.paused) stop();
  else begin(audio.currentTime * 1000 >= told.duration_ms - 20 ? 0 : audio.currentTime * 1000, Infinity);
});
place.addEventListener("input", () => {
  const span = view.to - view.from;
  look((Number(place.value) / 1000) * (told.duration_ms - span), span);
});
root.addEventListener("segue-play", (event) => play(event.detail.track, event.detail.index));
audio.addEventListener("timeupdate", () => audio.paused || follow());
for (const name of ["play", "pause", "ended", "seeked"]) audio.addEventListener(name, () => {
  if (name === "ended") playing = null;
  follow();
});

for (const name of ["play", "closer", "farther", "whole"]) root.querySelector(`[data-do=${name}]`).textContent = words[name];
root.querySelector(".tools").setAttribute("aria-label", words.tools);
root.querySelector(".keys").textContent = words.keys;
place.setAttribute("aria-label", words.place);
new ResizeObserver(due).observe(stage);
new MutationObserver(due).observe(document.body, {attributes: true, attributeFilter: ["class"]});
watch("value", () => take(props.value));
take(props.value);
