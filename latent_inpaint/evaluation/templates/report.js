"use strict";
const content = JSON.parse(document.getElementById("content").textContent);
const { methods, columns, pictures, extremes } = content;
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};
const COLOURS = ["#2457d6", "#e8833a", "#1f9d6b", "#c2397b", "#8256d0", "#b58900", "#0c8fa8", "#d64545", "#6b7f2a", "#7a5a44"];
const colour = (index) => COLOURS[index % COLOURS.length];
const byKey = Object.fromEntries(columns.map((column) => [column.key, column]));
const text = (key, value) => (value === undefined || value === null ? "–" : value.toFixed(byKey[key].digits));
$$(".dot").forEach((dot) => { dot.style.background = colour(+dot.dataset.method); });

// ---- table: sort by a column, best first, then the other way round
$$(".results thead th").forEach((head, index) => {
  if (index === 0) return;
  head.addEventListener("click", () => {
    const down = head.classList.contains("sorted") ? head.dataset.down !== "1" : head.dataset.up === "1";
    $$(".results thead th").forEach((other) => other.classList.toggle("sorted", other === head));
    head.dataset.down = down ? "1" : "0";
    const body = $(".results tbody");
    const value = (row) => {
      const stored = row.children[index].dataset.value;
      return stored === "" ? (down ? -Infinity : Infinity) : +stored;
    };
    body.append(...$$("tr", body).sort((a, b) => (down ? value(b) - value(a) : value(a) - value(b))));
  });
});

function pills(name, choices, chosen, onChange) {
  const box = $(`[data-choice="${name}"]`);
  if (choices) box.append(...choices.map(([value, label]) => make("button", { textContent: label, value })));
  const buttons = $$("button", box);
  buttons.forEach((button) => {
    const value = button.dataset.value ?? button.value;
    button.classList.toggle("on", value === chosen);
    button.addEventListener("click", () => {
      buttons.forEach((other) => other.classList.toggle("on", other === button));
      onChange(value);
    });
  });
}

// ---- bars per decile of hole area
const NS = "http://www.w3.org/2000/svg";
const draw = (tag, attributes, content_) => {
  const node = document.createElementNS(NS, tag);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  if (content_ !== undefined) node.textContent = content_;
  return node;
};
const shown = new Set(methods.map((method, index) => index).filter((index) => methods[index].fair && methods[index].pictures));
const deciles = content.deciles;
let areaMetric = columns.length ? columns[0].key : null;

function niceSteps(low, high) {
  const raw = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const from = Math.floor(low / step + 1e-9) * step;
  const steps = [];
  for (let value = from; value < high + step * 0.999; value += step) steps.push(value);
  return steps;
}

function drawChart() {
  const box = $(".chart");
  box.replaceChildren();
  const used = deciles.filter((decile) => decile.pictures > 0);
  const chosen = [...shown].sort((a, b) => a - b);
  const values = used.flatMap((decile) => chosen.map((m) => decile.metrics[m][areaMetric])).filter((v) => v !== null && v !== undefined);
  if (!values.length) { box.append(make("p", { className: "note", textContent: "Nothing measured by hole area." })); return; }
  const width = 1180, height = 330, left = 52, bottom = 44, top = 10;
  const most = Math.max(...values), least = Math.min(...values);
  const low = least / most > 0.5 ? least - (most - least) * 0.15 : Math.min(0, least);
  const steps = niceSteps(low, most);
  const [first, last] = [steps[0], steps[steps.length - 1]];
  const y = (value) => top + (height - top - bottom) * (1 - (value - first) / (last - first || 1));
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  steps.forEach((step) => {
    svg.append(draw("line", { class: "axis", x1: left, x2: width, y1: y(step), y2: y(step) }));
    svg.append(draw("text", { x: left - 8, y: y(step) + 4, "text-anchor": "end" }, +step.toPrecision(4)));
  });
  const group = (width - left) / used.length;
  const bar = Math.min(34, (group * 0.82) / Math.max(1, chosen.length));
  used.forEach((decile, d) => {
    const start = left + d * group + (group - bar * chosen.length) / 2;
    chosen.forEach((m, i) => {
      const value = decile.metrics[m][areaMetric];
      if (value === null || value === undefined) return;
      const x = start + i * bar;
      const rect = draw("rect", { x: x + 1, width: Math.max(1, bar - 2), y: y(value), height: Math.max(0.5, y(first) - y(value)), rx: 2, fill: colour(m) });
      const interval = (decile.intervals[m] || {})[areaMetric];
      const range = interval ? ` (95 %: ${text(areaMetric, interval[0])} – ${text(areaMetric, interval[1])})` : "";
      rect.append(draw("title", {}, `${methods[m].name}: ${text(areaMetric, value)}${range}`));
      svg.append(rect);
      if (interval) {
        const [a, b] = interval.map((v) => y(Math.min(last, Math.max(first, v))));
        svg.append(draw("line", { class: "whisker", x1: x + bar / 2, x2: x + bar / 2, y1: a, y2: b }));
      }
    });
    const middle = left + (d + 0.5) * group;
    svg.append(draw("text", { x: middle, y: height - 24, "text-anchor": "middle" }, `${Math.round(decile.range[0] * 100)}–${Math.round(decile.range[1] * 100)} %`));
    svg.append(draw("text", { x: middle, y: height - 8, "text-anchor": "middle" }, `n = ${decile.pictures}`));
  });
  box.append(svg);
  const cut = first > 0 ? `The axis starts at ${+first.toPrecision(4)}. ` : "";
  box.append(make("p", { className: "note", textContent: `${byKey[areaMetric].heading}. ${cut}Hole area as a share of the picture; lines: 95 % intervals.` }));
}
const legend = $(".legend");
methods.forEach((method, index) => {
  const dot = make("span", { className: "dot" });
  dot.style.background = colour(index);
  const button = make("button", { title: "show or hide" }, dot, method.name);
  const mark = () => button.classList.toggle("off", !shown.has(index));
  button.addEventListener("click", () => { if (!shown.delete(index)) shown.add(index); mark(); drawChart(); });
  mark();
  legend.append(button);
});
pills("area-metric", columns.map((column) => [column.key, column.title]), areaMetric, (key) => { areaMetric = key; drawChart(); });
drawChart();
