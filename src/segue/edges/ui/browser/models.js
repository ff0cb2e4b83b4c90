// The tab models: asks what has changed while somebody looks, and passes on what somebody does.

const everyMs = 1000;
const soonMs = 250;
const shownMs = 20_000;
const root = element.querySelector(".models");
const held = new Set(); // what somebody has hold of: it is not changed under the hand
const slots = new Map();
let have = {}; // part -> the mark of what is shown
let change = ""; // the change that was begun here last
let before = null; // of the history: older than this row, or the newest
let panels = null;
let isOpen = false;
let isBusy = false;
let timer = 0;
let quiet = 0;

function isLooked() {
  return root.isConnected && !document.hidden && root.offsetParent !== null;
}

function part(name) {
  return root.querySelector(`[data-part="${name}"]`);
}

function say(text, kind) {
  const message = root.querySelector(".message");
  clearTimeout(quiet);
  if (kind === "good") quiet = setTimeout(() => say("", ""), shownMs);
  message.setAttribute("role", kind === "bad" ? "alert" : "status");
  message.className = `message ${kind}`;
  message.textContent = text;
}

function localTime(content) {
  const two = (number) => String(number).padStart(2, "0");
  for (const time of content.querySelectorAll("time[data-at]")) {
    const at = new Date(1000 * Number(time.dataset.at));
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    time.setAttribute("datetime", at.toISOString());
    time.textContent = time.hasAttribute("data-long") ? `${day} ${clock}` : clock;
  }
}

function show(found) {
  if (found.login) {
    if (isOpen || !root.querySelector(".login")) root.innerHTML = found.login;
    [isOpen, have] = [false, {}];
    return;
  }
  if (found.whole) {
    root.innerHTML = found.whole;
    [isOpen, have] = [true, {}];
  }
  for (const [name, [mark, html]] of Object.entries(found.parts)) {
    have[name] = mark;
    if (name === "charts") {
      panels = JSON.parse(html);
      drawCharts(root, panels, slots);
    } else {
      morph(part(name), html, held, localTime);
    }
  }
  const next = part("history").querySelector("[data-next]");
  root.querySelector("[data-page=older]").disabled = !next;
  root.querySelector("[data-page=newest]").disabled = before === null;
}

async function tick() {
  clearTimeout(timer);
  if (isBusy || !isLooked()) return;
  isBusy = true;
  try {
    show(JSON.parse(await server.look({have, change, before, whole: !isOpen})));
    if (isOpen && root.querySelector(".message.lost")) say("", "");
  } catch {
    if (isOpen) {
      say(root.querySelector(".message").dataset.lost, "lost");
    }
  }
  isBusy = false;
  const runs = isOpen && part("change").querySelector(".change.running");
  if (isOpen) timer = setTimeout(tick, runs ? soonMs : everyMs);
}

async function act(said) {
  const why = root.querySelector("#models-why");
  try {
    const answer = JSON.parse(await server.act({why: why.value, ...said}));
    say(answer.error || answer.said || "", answer.error ? "bad" : "good");
    if (answer.change) {
      change = answer.change;
      why.value = "";
    }
    await new Promise((done) => setTimeout(done, 0));
    await again();
    if (answer.change) part("change").scrollIntoView({block: "nearest"});
  } catch {
    say(root.querySelector(".message").dataset.lost, "lost");
  }
}

async function again() {
  while (isBusy) await new Promise((done) => setTimeout(done, 20));
  await tick();
}

async function unlock(form) {
  const said = form.querySelector("[role=alert]");
  said.textContent = "";
  let isRight = false;
  try {
    isRight = await segueToken(form.querySelector("input").value.trim());
  } catch {
    isRight = false;
  }
  if (isRight) await again();
  else said.textContent = said.dataset.said;
}

root.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.classList.contains("login")) {
    unlock(form);
    return;
  }
  const said = Object.fromEntries(new FormData(form));
  act({...said, auto: form.elements.auto.checked, act: event.submitter?.value || "switch"});
});

root.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act], button[data-page]");
  if (!button) return;
  const {act: name, confirm: question, page, version, rollout, change: of} = button.dataset;
  if (page) {
    const next = part("history").querySelector("[data-next]");
    before = page === "newest" || !next ? null : Number(next.dataset.next);
    again();
  } else if (!question || window.confirm(question)) {
    const said = {act: name, version, rollout, change: of};
    act(Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)));
  }
});

root.addEventListener("input", (event) => {
  if (event.target.type !== "range") return;
  const number = event.target.parentElement.querySelector("output");
  number.textContent = `${event.target.value} %`;
  if (event.target.dataset.act) held.add(event.target).add(number);
});

root.addEventListener("change", async (event) => {
  const {act: name, rollout} = event.target.dataset;
  if (event.target.type !== "range" || !name) return;
  await act({act: name, rollout, percent: event.target.value});
  held.clear();
  again();
});

document.addEventListener("visibilitychange", tick);
new IntersectionObserver(tick).observe(root);
new ResizeObserver(() => isOpen && panels && isLooked() && drawCharts(root, panels, slots)).observe(root);
tick();
