// Hearing it: a segment, or all; the needle says where.

function play(number, at) {
  const segment = told?.tracks[number]?.segments[at];
  if (!segment) return;
  const isSame = playing && playing.track === number && playing.index === at && !audio.paused;
  stop();
  if (isSame) return;
  told.tracks[number].at = at;
  playing = {track: number, index: at};
  begin(segment[0], segment[1]);
}

function begin(fromMs, toMs) {
  stopAtMs = toMs;
  audio.currentTime = fromMs / 1000;
  audio.play().catch(stop);
  follow();
}

function stop() {
  audio.pause();
  playing = null;
  stopAtMs = Infinity;
  follow();
}

function follow() {
  const atMs = audio.currentTime * 1000;
  if (!audio.paused && !audio.seeking && atMs >= stopAtMs) {
    audio.currentTime = stopAtMs / 1000;
    stop();
    return;
  }
  root.querySelector("[data-do=play]").textContent = audio.paused ? words.play : words.pause;
  placeNeedle();
  if (told && !audio.paused && (atMs < view.from || atMs > view.to) && !audio.seeking) look(atMs, view.to - view.from);
  due();
  if (!audio.paused) requestAnimationFrame(follow);
}

function placeNeedle() {
  const x = xOf(audio.currentTime * 1000);
  needle.hidden = !told || x < 0 || x > width() || (audio.paused && audio.currentTime === 0);
  needle.style.transform = `translateX(${x}px)`;
}
