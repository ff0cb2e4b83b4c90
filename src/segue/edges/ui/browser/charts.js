// Lines over the last minutes, as SVG. Colour and dashes tell them apart; the label says what they show.

const svgSpace = "http://www.w3.org/2000/svg";
const chartHeight = 110;
const chartColours = 6;

function svg(name, attributes) {
  const made = document.createElementNS(svgSpace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

function pathOf(values, most, width) {
  const x = (at) => ((at / (values.length - 1)) * width).toFixed(1);
  const y = (value) => (chartHeight - 2 - (value / most) * (chartHeight - 8)).toFixed(1);
  let path = "";
  values.forEach((value, at) => {
    if (value === null) return;
    const begins = at === 0 || values[at - 1] === null;
    path += `${begins ? "M" : "L"}${x(at)} ${y(value)}`;
    if (begins && (values[at + 1] ?? null) === null) path += "h0.1"; // a moment alone is a dot
  });
  return path;
}

// slots: version -> number of its colour, kept as long as the page.
function drawChart(plot, panel, slots, isCount) {
  const width = Math.max(120, plot.clientWidth);
  const values = panel.lines.flatMap((line) => line.values.filter((value) => value !== null));
  const largest = Math.max(isCount ? 1 : 0, ...values);
  const most = largest > 0 ? roundUp(largest) : 1;
  const drawn = svg("svg", {viewBox: `0 0 ${width} ${chartHeight}`, width, height: chartHeight, "aria-hidden": "true"});
  for (const part of [0, 0.5, 1]) {
    const y = chartHeight - 2 - part * (chartHeight - 8);
    drawn.append(svg("line", {x1: 0, x2: width, y1: y, y2: y, class: "rule"}));
  }
  const legend = [];
  for (const line of panel.lines) {
    if (!slots.has(line.of)) slots.set(line.of, slots.size % chartColours);
    const look = `line c${slots.get(line.of)}${line.name.endsWith("p50") ? " dashed" : ""}`;
    drawn.append(svg("path", {d: pathOf(line.values, most, width), class: look}));
    const mark = svg("svg", {width: 18, height: 8, "aria-hidden": "true"});
    mark.append(svg("path", {d: "M0 4h18", class: look}));
    const entry = document.createElement("span");
    entry.append(mark, ` ${line.name}`);
    legend.push(entry);
  }
  const top = document.createElement("span");
  top.className = "top";
  top.textContent = String(Number(most.toPrecision(2)));
  plot.replaceChildren(drawn, top);
  plot.setAttribute("aria-label", panel.said);
  plot.parentElement.querySelector(".legend").replaceChildren(...legend);
}

function drawCharts(root, panels, slots) {
  for (const plot of root.querySelectorAll("[data-chart]")) {
    drawChart(plot, panels[plot.dataset.chart], slots, plot.dataset.chart === "errors");
  }
}
