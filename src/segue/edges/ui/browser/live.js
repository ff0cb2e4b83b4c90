// The tab live: the microphone into a socket of the service, its news into the picture, the table and the words.

const words = props.words;
const root = element.querySelector(".live");
const leftMs = 60000; // not looked at for so long, it stops: nobody forgets an open microphone
const mostBehindS = 10;
const endingMs = 5000;
const noticeMs = 8000;
const frameEveryMs = 30;
const secure = window.isSecureContext && navigator.mediaDevices && window.AudioWorkletNode;
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const scroll = new Scroll(root.querySelector("canvas"), words);
let heard = null;
let microphone = null;
let socket = null;
let phase = "idle"; // opening, listening, ending
let lookedAt = 0;
let drawnAt = 0;
let noticeTimer = 0;
let endingTimer = 0;

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

function inSeconds(ms, places = 3) {
  return (ms / 1000).toFixed(places);
}

function say(text, kind = "status") {
  clearTimeout(noticeTimer);
  const message = part("message");
  message.setAttribute("role", kind);
  message.textContent = text;
}

function decides({ mode, preset }) {
  return filled(preset ? words.decides_preset : words.decides, { mode, preset });
}

// -- start and stop ---------------------------------------------------------------------------------------------------

function become(next) {
  phase = next;
  const isOn = next === "opening" || next === "listening";
  const button = part("button");
  button.textContent = isOn ? words.stop : words.start;
  button.classList.toggle("on", isOn);
  button.disabled = next === "ending";
  part("settings").disabled = next !== "idle";
  showState();
}

async function start() {
  if (phase !== "idle") return;
  if (!secure) {
    say(insecure(), "alert");
    return;
  }
  become("opening");
  say("");
  const mine = new Microphone(onChunk, () => stop(words.microphone_lost, "alert"));
  microphone = mine;
  try {
    await mine.open();
  } catch (error) {
    mine.close();
    if (microphone === mine) fail(filled(words[microphoneFault(error)], { detail: error.name }));
    return;
  }
  if (microphone === mine && phase === "opening") connect(mine);
  else mine.close(); // stopped meanwhile
}

function connect(mine) {
  const asked = new URLSearchParams({ rate: mine.rate });
  for (const name of ["mode", "preset", "policy"]) asked.set(name, part(name).value);
  const address = new URL(`/page/live/${words.language}?${asked}`, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  clear(new Heard(mine.rate));
  const opened = new WebSocket(address);
  socket = opened;
  opened.onopen = () => {
    if (socket === opened) mine.begin();
  };
  opened.onmessage = (event) => {
    if (socket !== opened) return;
    for (const message of JSON.parse(event.data)) onNews(message);
  };
  opened.onclose = () => {
    if (socket === opened) fail(words.gone);
  };
}

function onChunk(chunk) {
  if (phase !== "listening" && phase !== "opening") return;
  heard.capture(chunk, performance.now());
  socket.send(chunk);
  const behindS = socket.bufferedAmount / 2 / heard.rate;
  if (behindS > mostBehindS) fail(filled(words.behind, { seconds: Math.round(behindS) }));
}

// What was said until now is decided yet: the open utterance gets its end.
function stop(text = "", kind = "status") {
  if (phase === "opening" && !(socket && socket.readyState === WebSocket.OPEN)) {
    release();
    say(text, kind);
  } else if (phase === "opening" || phase === "listening") {
    microphone.close();
    socket.send("finish");
    become("ending");
    if (text) say(text, kind);
    endingTimer = setTimeout(() => fail(words.gone), endingMs);
  }
}

function release() {
  clearTimeout(endingTimer);
  if (microphone) microphone.close();
  const open = socket;
  microphone = socket = null;
  if (open) open.close();
  become("idle");
  redraw();
}

function fail(text) {
  if (heard) heard.openFrom = null; // nobody will say how it ended
  release();
  say(text, "alert");
}

function insecure() {
  return filled(words.insecure, { origin: location.host, port: location.port || "6006" });
}

// -- news -------------------------------------------------------------------------------------------------------------

function onNews(message) {
  heard.accept(message, performance.now());
  if (message.type === "opened") {
    if (phase === "opening") become("listening");
    showModel();
  } else if (message.type === "started" || message.type === "ended") {
    if (message.type === "ended") addRow();
    showState();
  } else if (message.type === "changed") {
    const { at_ms: at, before, version: after } = message;
    happened(filled(words.changed, { at: inSeconds(at), before, after, decides: decides(message) }));
    showModel();
  } else if (message.type === "failed") {
    if (message.final) {
      fail(message.text);
      return;
    }
    if (message.code === "shutting_down") {
      say(message.text, "alert"); // the service ends the stream next
      return;
    }
    const text = filled(words.goes_on, { text: message.text });
    happened(text);
    say(text, "alert");
    noticeTimer = setTimeout(() => say(""), noticeMs);
  } else if (message.type === "finished") {
    const seconds = inSeconds(message.duration_ms, 1);
    showFigures();
    const said = part("message").textContent;
    release();
    if (!said) say(filled(words.finished, { seconds }));
  }
}

function clear(fresh) {
  heard = fresh;
  root.heard = fresh; // for who looks into it
  part("rows").replaceChildren();
  part("happened").replaceChildren();
  part("happened_box").hidden = true;
  showModel();
  showFigures();
}

function happened(text) {
  const line = document.createElement("li");
  line.textContent = text;
  part("happened").prepend(line);
  if (part("happened").children.length > mostHappened) part("happened").lastChild.remove();
  part("happened_box").hidden = false;
}

function addRow() {
  const { number, start, end } = heard.segments[heard.segments.length - 1];
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = number;
  row.append(name);
  for (const ms of [start, end, end - start]) {
    const cell = document.createElement("td");
    cell.textContent = inSeconds(ms);
    row.append(cell);
  }
  part("rows").prepend(row);
  if (part("rows").children.length > mostSegments) part("rows").lastChild.remove();
}

// -- words and figures ------------------------------------------------------------------------------------------------

function set(name, text) {
  const place = part(name);
  if (place.textContent !== text) place.textContent = text;
}

function showState() {
  const isSpeech = phase === "listening" && heard.isSpeech;
  const state = phase === "listening" ? (isSpeech ? "speech" : "silence") : phase;
  root.dataset.state = state;
  set("state", words[state]);
  showFigures();
}

function showModel() {
  const model = heard.model;
  set("model", model ? model.model : "-");
  set("version", model ? model.version : "-");
  set("mode_said", model ? decides(model) : "-");
}

function showFigures() {
  const isSpeech = phase === "listening" && heard.isSpeech;
  const openMs = isSpeech ? Math.max(0, heard.decidedMs - heard.openFrom) : 0;
  set("open_for", isSpeech ? filled(words.open_for, { seconds: inSeconds(openMs, 1) }) : "");
  part("open_row").hidden = !isSpeech;
  part("none").hidden = isSpeech || (heard !== null && heard.count > 0);
  if (heard === null) return;
  if (isSpeech) {
    set("open_number", String(heard.count + 1));
    set("open_start", inSeconds(heard.openFrom));
    set("open_duration", inSeconds(openMs));
  }
  const speechMs = heard.totalSpeechMs;
  set("heard", filled(words.seconds, { seconds: inSeconds(heard.decidedMs, 1) }));
  set("count", String(heard.count));
  set("speech_total", filled(words.seconds, { seconds: inSeconds(speechMs, 1) }));
  set("share", heard.decidedMs ? `${Math.round((100 * speechMs) / heard.decidedMs)} %` : "-");
  set("delay", heard.decidedMs ? filled(words.milliseconds, { ms: Math.round(heard.delayMs) }) : "-");
}

function redraw() {
  const isOn = phase === "opening" || phase === "listening";
  const now = heard === null ? 0 : isOn && heard.samples ? performance.now() - heard.beganAt : heard.capturedMs;
  scroll.draw(heard, Math.max(0, now));
}

function frame(at) {
  if (!root.isConnected) return;
  requestAnimationFrame(frame);
  if ((phase === "listening" || phase === "opening") && at - drawnAt >= frameEveryMs && root.offsetParent !== null) {
    drawnAt = at;
    redraw();
  }
}

const ticking = setInterval(() => {
  const isLooked = root.isConnected && root.offsetParent !== null;
  if (isLooked) lookedAt = performance.now();
  if (!root.isConnected) {
    clearInterval(ticking);
    release();
  } else if (phase === "listening" && performance.now() - lookedAt > leftMs) {
    stop(words.left);
  } else if (isLooked && phase !== "idle") {
    showFigures();
  }
}, 200);

// -- hands ------------------------------------------------------------------------------------------------------------

function toggle() {
  if (phase === "idle") start();
  else stop();
}

part("button").addEventListener("click", toggle);
root.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
  else if (event.key === " " && event.target.tagName === "CANVAS" && !event.repeat) toggle();
  else return;
  event.preventDefault();
});
window.addEventListener("pagehide", release); // kept for "back", a page would go on listening
new ResizeObserver(redraw).observe(root.querySelector("canvas"));
new MutationObserver(redraw).observe(document.body, { attributeFilter: ["class"] });
if (!secure) say(insecure());
requestAnimationFrame(frame);
