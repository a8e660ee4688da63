// ---- pictures: one picture, two of its versions, or all of them at once
const TRUTH = "truth", INPUT = "input";
const state = { picture: Math.floor(content.compared / 2), left: methods[0].name, right: TRUTH, split: 0.5, zoom: 1, x: 0, y: 0, view: "slide" };
const stage = $(".stage");
const sources = () => [INPUT, ...methods.filter((m) => m.fair).map((m) => m.name), TRUTH];
const has = (picture, source) => source === TRUTH || source === INPUT || source in picture.results;
const uri = (picture, source) => (source === TRUTH ? picture.truth : source === INPUT ? picture.input : picture.results[source] ?? picture.truth);

function place(image) {
  image.style.transform = `translate(${state.x * 100}%, ${state.y * 100}%) scale(${state.zoom})`;
}

function showSplit() {
  const percent = state.split * 100;
  $(".layer.left").style.clipPath = `inset(0 ${100 - percent}% 0 0)`;
  $(".handle").style.left = `${percent}%`;
}

function showZoom() {
  const room = state.zoom - 1;
  state.x = Math.min(0, Math.max(-room, state.x));
  state.y = Math.min(0, Math.max(-room, state.y));
  $$(".stage .layer img, .tile img").forEach(place);
  stage.classList.toggle("zoomed", state.zoom > 1);
  $("#gallery").classList.toggle("pixels", state.zoom >= 3);
  $(".zoom output").textContent = `${+state.zoom.toFixed(1)}×`;
}

function zoomAt(factor, at = { x: 0.5, y: 0.5 }) {
  const next = Math.min(12, Math.max(1, state.zoom * factor));
  state.x = at.x - ((at.x - state.x) * next) / state.zoom;
  state.y = at.y - ((at.y - state.y) * next) / state.zoom;
  state.zoom = next;
  showZoom();
}

function showPicture() {
  const picture = pictures[state.picture];
  if (!has(picture, state.left)) state.left = sources().find((s) => s in picture.results) ?? INPUT;
  if (!has(picture, state.right)) state.right = TRUTH;
  for (const side of ["left", "right"]) {
    $(`.layer.${side} img`).src = uri(picture, state[side]);
    $(`.stage .tag.${side}`).textContent = state[side];
    const select = $(`#${side}`);
    $$("option", select).forEach((option) => { option.disabled = !has(picture, option.value); });
    select.value = state[side];
  }
  $(".layer.holes img").src = picture.hole;
  $(".layer.holes").hidden = !$("#hole").checked;
  $(".picture-name").textContent = `${picture.name} · hole ${Math.round(picture.hole_fraction * 100)} %`;
  $$(".strip button").forEach((button, index) => button.classList.toggle("on", index === state.picture));
  showValues(picture);
  showGrid(picture);
  showSplit();
  showZoom();
}

function showValues(picture) {
  const keys = columns.map((c) => c.key).filter((key) => methods.some((m) => picture.values[m.name]?.[key] !== undefined));
  $(".values thead").replaceChildren(make("tr", {}, make("th"), ...keys.map((key) => make("th", { textContent: byKey[key].heading }))));
  const best = Object.fromEntries(keys.map((key) => {
    const values = methods.filter((m) => m.fair).map((m) => picture.values[m.name]?.[key]).filter((v) => v !== undefined);
    return [key, byKey[key].up ? Math.max(...values) : Math.min(...values)];
  }));
  $(".values tbody").replaceChildren(...methods.map((method) => {
    const values = picture.values[method.name] ?? {};
    const cells = keys.map((key) => make("td", { textContent: text(key, values[key]), className: method.fair && values[key] === best[key] ? "best" : "" }));
    const row = make("tr", { className: has(picture, method.name) ? "" : "away" }, make("th", { textContent: method.name }), ...cells);
    row.classList.toggle("on", method.name === state.left);
    row.addEventListener("click", () => { if (has(picture, method.name)) { state.left = method.name; showPicture(); } });
    return row;
  }));
}

function showGrid(picture) {
  const grid = $(".grid");
  grid.hidden = state.view !== "grid";
  stage.hidden = state.view === "grid";
  $(".compare").classList.toggle("wide", stage.hidden);
  if (grid.hidden) return;
  grid.replaceChildren(...sources().filter((source) => has(picture, source)).map((source) => {
    const layer = make("div", { className: "layer" }, make("img", { src: uri(picture, source), alt: source }));
    const tile = make("div", { className: "tile" }, layer, make("span", { className: "tag", textContent: source }));
    tile.classList.toggle("on", source === state.left);
    tile.addEventListener("click", () => { state.left = source; showPicture(); });
    tile.addEventListener("wheel", (event) => onWheel(event, tile), { passive: false });
    return tile;
  }));
}

const position = (event, box) => {
  const bounds = box.getBoundingClientRect();
  return { x: (event.clientX - bounds.left) / bounds.width, y: (event.clientY - bounds.top) / bounds.height };
};
function onWheel(event, box) {
  event.preventDefault();
  zoomAt(event.deltaY < 0 ? 1.25 : 0.8, position(event, box));
}
stage.addEventListener("wheel", (event) => onWheel(event, stage), { passive: false });
stage.addEventListener("pointerdown", (event) => {
  stage.setPointerCapture(event.pointerId);
  const pans = state.zoom > 1 && !event.target.closest(".handle");
  let last = position(event, stage);
  const move = (moved) => {
    const now = position(moved, stage);
    if (pans) { state.x += now.x - last.x; state.y += now.y - last.y; showZoom(); }
    else { state.split = Math.min(1, Math.max(0, now.x)); showSplit(); }
    last = now;
  };
  if (!pans) move(event);
  stage.addEventListener("pointermove", move);
  stage.addEventListener("pointerup", () => stage.removeEventListener("pointermove", move), { once: true });
});
$$("[data-zoom]").forEach((button) => button.addEventListener("click", () => {
  if (button.dataset.zoom === "0") { state.zoom = 1; showZoom(); }
  else zoomAt(button.dataset.zoom === "1" ? 1.5 : 1 / 1.5);
}));
for (const side of ["left", "right"]) {
  const select = $(`#${side}`);
  select.append(...sources().map((source) => make("option", { value: source, textContent: source })));
  select.addEventListener("change", () => { state[side] = select.value; showPicture(); });
}
$("#hole").addEventListener("change", showPicture);
$(".strip").append(...pictures.map((picture, index) => {
  const button = make("button", { title: picture.name }, make("img", { src: picture.input, alt: picture.name, loading: "lazy" }));
  button.addEventListener("click", () => { state.picture = index; showPicture(); });
  return button;
}));
pills("view", null, "slide", (view) => { state.view = view; showPicture(); });
document.addEventListener("keydown", (event) => {
  const inView = $("#gallery").getBoundingClientRect();
  if (event.target.matches("select, input") || inView.bottom < 0 || inView.top > innerHeight) return;
  const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const across = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (along) state.picture = (state.picture + along + pictures.length) % pictures.length;
  else if (across) {
    const there = sources().filter((source) => has(pictures[state.picture], source));
    state.left = there[(there.indexOf(state.left) + across + there.length) % there.length];
  } else return;
  event.preventDefault();
  showPicture();
});
showPicture();

// ---- best and worst cases of a method by a metric
if ($("#extremes")) {
  const keys = columns.map((c) => c.key).filter((key) => key in extremes);
  const names = methods.map((m) => m.name).filter((name) => name in extremes[keys[0]]);
  const chosen = { metric: keys[0], method: names[0] };
  const card = (index) => {
    const picture = pictures[index];
    const value = text(chosen.metric, picture.values[chosen.method]?.[chosen.metric]);
    const images = [uri(picture, chosen.method), picture.truth].map((src) => make("img", { src, alt: picture.name }));
    const node = make("div", { className: "case", title: "compare" }, make("div", {}, ...images), make("p", {}, make("b", { textContent: value }), ` ${picture.name}`));
    node.addEventListener("click", () => {
      Object.assign(state, { picture: index, left: chosen.method, right: TRUTH });
      showPicture();
      $("#gallery").scrollIntoView();
    });
    return node;
  };
  const showCases = () => $$(".cases").forEach((box) => box.replaceChildren(...(extremes[chosen.metric][chosen.method]?.[box.dataset.side] ?? []).map(card)));
  const select = $("#extreme-method");
  select.append(...names.map((name) => make("option", { value: name, textContent: name })));
  select.addEventListener("change", () => { chosen.method = select.value; showCases(); });
  pills("extreme-metric", keys.map((key) => [key, byKey[key].title]), chosen.metric, (key) => { chosen.metric = key; showCases(); });
  showCases();
}
