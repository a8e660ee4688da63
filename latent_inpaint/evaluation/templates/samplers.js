// ---- what a sampler trades: distance against diversity, and against calls of its network
function scatter(points, xTitle, yTitle, logarithmic) {
  const width = 580, height = 330, left = 52, bottom = 44, top = 10, right = 90;
  const scale = (value) => (logarithmic ? Math.log2(value) : value);
  const xs = points.map((point) => scale(point.x)), ys = points.map((point) => point.y);
  const xSteps = logarithmic ? [...new Set(xs)].sort((a, b) => a - b) : niceSteps(Math.min(0, ...xs), Math.max(...xs));
  const ySteps = niceSteps(Math.min(...ys), Math.max(...ys));
  const place = (steps, from, to) => {
    const first = steps[0], last = steps[steps.length - 1];
    return (value) => from + (to - from) * (last > first ? (value - first) / (last - first) : 0.5);
  };
  const x = place(xSteps, left + 12, width - right), y = place(ySteps, height - bottom, top + 8);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  svg.append(draw("title", {}, `${yTitle} against ${xTitle}`));
  ySteps.forEach((step) => {
    svg.append(draw("line", { class: "axis", x1: left, x2: width, y1: y(step), y2: y(step) }));
    svg.append(draw("text", { x: left - 8, y: y(step) + 4, "text-anchor": "end" }, +step.toPrecision(4)));
  });
  xSteps.forEach((step) => {
    const label = logarithmic ? Math.round(2 ** step) : +step.toPrecision(4);
    svg.append(draw("text", { x: x(step), y: height - 26, "text-anchor": "middle" }, label));
  });
  svg.append(draw("text", { x: width, y: height - 8, "text-anchor": "end" }, xTitle));
  points.forEach((point) => {
    const circle = draw("circle", { cx: x(scale(point.x)), cy: y(point.y), r: 5, fill: colour(point.method) });
    const name = methods[point.method].name;
    circle.append(draw("title", {}, `${name}: ${yTitle} ${point.y}, ${xTitle} ${point.x}`));
    svg.append(circle, draw("text", { x: x(scale(point.x)) + 9, y: y(point.y) + 4 }, name));
  });
  return svg;
}
(() => {
  const distance = ["fd_lite0", "fid"].map((key) => byKey[key]).find((column) => column);
  const cell = (method, key) => (method.cells[key] ? method.cells[key].value : null);
  const points = (value) => methods
    .map((method, index) => ({ method: index, x: value(method), y: cell(method, distance.key) }))
    .filter((point) => methods[point.method].fair && point.x !== null && point.y !== null);
  const charts = distance ? [
    [points((method) => cell(method, "diversity")), "diversity", false],
    [points((method) => method.calls), "calls of the network", true],
  ] : [];
  $(".scatters").append(...charts.filter(([found]) => found.length)
    .map(([found, title, log]) => scatter(found, title, distance.title, log)));
})();
