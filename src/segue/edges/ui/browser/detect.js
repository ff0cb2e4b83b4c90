// The table plays what the picture shows; and whether there is a microphone here.

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-index]");
  if (!button) return;
  const detail = {track: Number(button.dataset.track), index: Number(button.dataset.index)};
  document.querySelector("#detect-picture .picture").dispatchEvent(new CustomEvent("segue-play", {detail}));
});
