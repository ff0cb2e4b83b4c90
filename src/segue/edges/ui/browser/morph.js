// Makes a place look like other HTML while what is alike stays: focus, selection, scrolling, what is open or held.

const untouched = new Set(["open"]);

function morph(place, html, held, prepare) {
  const wanted = document.createElement("template");
  wanted.innerHTML = html;
  prepare(wanted.content);
  morphChildren(place, wanted.content, held);
}

function morphChildren(place, wanted, held) {
  const keyed = new Map();
  for (const child of place.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
  let at = place.firstChild;
  for (const want of [...wanted.childNodes]) {
    const key = want.dataset?.key;
    let match = key ? keyed.get(key) : undefined;
    if (!key && at && !at.dataset?.key && alike(at, want)) match = at;
    if (!match) {
      place.insertBefore(want, at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else place.insertBefore(match, at);
    morphNode(match, want, held);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName;
}

function morphNode(node, want, held) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.data !== want.data) node.data = want.data;
    return;
  }
  if (held.has(node)) return;
  for (const {name} of [...node.attributes]) {
    if (!want.hasAttribute(name) && !untouched.has(name)) node.removeAttribute(name);
  }
  for (const {name, value} of want.attributes) {
    if (node.getAttribute(name) !== value && !untouched.has(name)) node.setAttribute(name, value);
  }
  if (node.nodeName === "INPUT" && node.value !== want.getAttribute("value")) node.value = want.getAttribute("value") ?? "";
  morphChildren(node, want, held);
}
