// The page: what its buttons and keys do.
import * as api from "./api.js";
import { listen as listenToKeys } from "./keys.js";
import { Mask, paintOf } from "./mask.js";
import { Picture } from "./picture.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const state = { tool: "brush", picture: null, mask: null, running: null, isKept: true };
const view = new View($("view"), {
  tool: () => ({ tool: state.tool, size: Number($("size").value) }),
  onStroke: (stroke) => {
    if (state.running) return;
    if (stroke.tool === "object") act(() => selectObject(stroke.points[0]));
    else { state.mask.add(stroke); update(); }
  },
  onSize: resizeBrush,
});
const MARGIN = 256; // pixels around the hole that are sent at least: more than the networks look at

function say(text) { $("status").textContent = text; }

function fail(error) {
  $("error").textContent = error.message;
  $("error").hidden = false;
  say("");
}

// Runs what a button does; errors are shown in words until the next action.
async function act(action) {
  $("error").hidden = true;
  try { await action(); } catch (error) { fail(error); }
  update();
}

function update() {
  const { picture, mask, running } = state, isOpen = Boolean(picture);
  document.body.dataset.state = running ? "running" : isOpen ? "open" : "empty";
  const painted = isOpen && mask.strokes.length > 0;
  const enabled = { undo: painted || picture?.step > 0, redo: mask?.undone.length || picture?.step < picture?.patches.length,
    clear: painted, invert: isOpen, "mask-load": isOpen, "mask-save": painted, repair: painted, hold: picture?.step > 0,
    compare: picture?.step > 0, download: isOpen };
  for (const [id, is] of Object.entries(enabled)) $(id).disabled = Boolean(running) || !is;
  for (const id of ["progress", "cancel"]) $(id).hidden = !running;
  $("repair").hidden = Boolean(running);
  if (!(picture?.step > 0)) setCompare(false);
  view.draw();
}

async function open(file) {
  if (state.running) throw new Error("A repair is running. Cancel it first.");
  if (!file) return;
  if (!state.isKept && !confirm("The repaired picture is not downloaded yet. Open another one?")) return;
  say("Opening…");
  const picture = await Picture.open(file);
  state.picture?.bitmap.close();
  state.picture = picture;
  state.mask = new Mask(picture.width, picture.height);
  state.isKept = true;
  $("name").textContent = `${file.name || "pasted picture"}, ${picture.width} × ${picture.height}`;
  $("size").value = Math.max(4, Math.round(Math.min(picture.width, picture.height) / 15));
  showSize();
  $("variants").hidden = true;
  document.body.dataset.state = "open";
  view.show(picture, state.mask);
  showHistory();
  say("Paint over what should go, then press Repair.");
}

async function repair() {
  if (!state.picture || state.running || !state.mask.strokes.length) return;
  const hole = state.mask.bounds();
  if (!hole) throw new Error("Nothing is painted: paint over what should go.");
  const { picture, mask } = state, part = partAround(hole), sent = picture.crop(part);
  state.running = new AbortController();
  update();
  say("Sending…");
  try {
    const values = { image: await sent.convertToBlob({ type: "image/png" }), mask: await mask.blob(part), format: "png", ...settings() };
    const done = await api.repair(values, progress, state.running.signal);
    const patches = [];
    for (const file of done.files) patches.push(await picture.patch(part, sent, file));
    const chosen = patches.length > 1 ? await choose(patches, done.files) : patches[0];
    picture.add(chosen);
    state.mask = new Mask(picture.width, picture.height);
    view.mask = state.mask;
    state.isKept = false;
    showHistory();
    say([`Done in ${done.seconds.toFixed(1)} s. Go on painting, or download.`, ...done.warnings.map(api.sentence)].join(" "));
  } catch (error) {
    if (error.name !== "AbortError") throw error;
    say("Cancelled. What you painted is still there.");
  } finally {
    state.running = null;
    $("variants").hidden = true;
  }
}

function settings() {
  const values = Object.fromEntries(["samples", "seed", "context", "feather", "dilate"].map((id) => [id, $(id).value]));
  const model = state.models.find((m) => m.name === $("model").value);
  if (model?.several === false) values.samples = 1;
  return { ...values, model: $("model").value, refine: $("refine").checked || null, whole: $("whole").checked || null };
}

// The part of the picture that is sent: the hole and enough around it.
function partAround([left, top, right, bottom]) {
  const { width, height } = state.picture;
  if ($("whole").checked) return [0, 0, width, height];
  const margin = Math.max(MARGIN, right - left, bottom - top, 64 + Number($("context").value)) + Number($("dilate").value);
  return [Math.max(0, left - margin), Math.max(0, top - margin), Math.min(width, right + margin), Math.min(height, bottom + margin)];
}

function progress(job) {
  $("progress").value = job.total ? job.done / job.total : 0;
  say(job.state === "queued" ? "Waiting for its turn…" : `${api.sentence(job.stage)}… ${job.total > 1 ? `${job.done} of ${job.total}` : ""}`);
}

// Variants side by side; resolves to the patch that is picked.
function choose(patches, files) {
  say("Pick a variant.");
  return new Promise((resolve, reject) => {
    const signal = state.running.signal;
    signal.addEventListener("abort", () => reject(signal.reason));
    $("variants").replaceChildren(...patches.map((patch, i) => {
      const button = document.createElement("button"), image = document.createElement("img");
      image.src = URL.createObjectURL(files[i]);
      image.alt = `Variant ${i + 1}`;
      button.append(image, `Variant ${i + 1}`);
      button.onclick = () => resolve(patch);
      return button;
    }));
    $("variants").hidden = false;
    $("variants").firstChild.focus();
  });
}

function showHistory() {
  const { picture } = state;
  $("history").replaceChildren(...(picture.patches.length ? [0, ...picture.patches.keys()] : []).map((_, step) => {
    const button = document.createElement("button");
    button.append(picture.thumbnail(step));
    button.setAttribute("aria-label", step ? `After repair ${step}` : "The picture as opened");
    button.setAttribute("aria-pressed", step === picture.step);
    button.onclick = () => act(() => goTo(step));
    return button;
  }));
}

function goTo(step) {
  if (state.running) return;
  state.picture.step = step;
  showHistory();
  say(step ? `After repair ${step}.` : "The picture as opened.");
}

// Undo takes back strokes first, then repairs; the picture itself always stays.
function undo() {
  if (state.mask.strokes.length) state.mask.undo();
  else if (state.picture.step) goTo(state.picture.step - 1);
}

function redo() {
  if (state.mask.undone.length) state.mask.redo();
  else if (state.picture.step < state.picture.patches.length) goTo(state.picture.step + 1);
}

async function download() {
  const { picture } = state, format = $("format").value;
  say("Writing…");
  let file = picture.file, name = file.name || "picture.png";
  if (picture.step || format !== "same") {
    const answer = await api.apply({ image: file, format, ...(picture.step ? await picture.changes() : {}) });
    file = await answer.blob();
    const ending = { "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/tiff": "tif", "image/bmp": "bmp" }[file.type];
    name = `${name.replace(/\.[^.]*$/, "")}-repaired.${ending}`;
  }
  save(file, name);
  state.isKept = true;
  say(`Saved as ${name}.`);
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function loadMask(file) {
  if (!file) return;
  state.mask.add({ tool: "picture", picture: await paintOf(await api.readMask(file)) });
  say("The mask is added to what is painted.");
}

// Paints the object under a point of the picture; the service sees the picture reduced to what such networks look at.
async function selectObject([x, y]) {
  const { picture, mask } = state, { width, height } = picture, scale = Math.min(1, 1024 / Math.max(width, height));
  if (x < 0 || y < 0 || x > width || y > height) return;
  const small = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  const c = small.getContext("2d");
  c.imageSmoothingQuality = "high";
  c.drawImage(picture.crop([0, 0, width, height]), 0, 0, small.width, small.height);
  say("Looking for the object…");
  const found = await api.objectAt(await small.convertToBlob({ type: "image/png" }), [[x * small.width / width, y * small.height / height, true]]);
  if (state.mask !== mask) return; // meanwhile another picture was opened, or this one repaired
  const paint = { tool: "picture", picture: await paintOf(found) };
  mask.add(paint);
  if (!mask.bounds()) { mask.strokes.pop(); throw new Error("There is no object at this place."); }
  say("The object is painted. Click on more, or press Repair.");
}

async function saveMask() {
  const { width, height } = state.picture;
  save(await state.mask.blob([0, 0, width, height]), `${(state.picture.file.name || "picture").replace(/\.[^.]*$/, "")}_mask.png`);
}

function resizeBrush(factor) {
  const size = Number($("size").value);
  $("size").value = factor > 1 ? Math.max(size + 1, Math.round(size * factor)) : Math.min(size - 1, Math.round(size * factor));
  showSize();
}

function showSize() { $("size-text").value = $("size").value; view.draw(); }

function setTool(tool) {
  state.tool = tool;
  document.querySelectorAll(".tool").forEach((b) => b.setAttribute("aria-pressed", b.dataset.tool === tool));
  view.canvas.style.cursor = tool === "pan" ? "grab" : "crosshair";
}

function setCompare(is) {
  $("compare").setAttribute("aria-pressed", is);
  $("slider").hidden = !is;
  view.split = is ? $("split").value / 1000 : null;
  view.draw();
}

function showModel() {
  const model = state.models.find((m) => m.name === $("model").value);
  $("good-at").textContent = model?.good_at ? `${model.name}: ${model.good_at}.` : "";
  $("samples").disabled = model?.several === false;
}

async function loadModels() {
  state.models = await api.models();
  $("model").replaceChildren(...state.models.map(({ name, good_at: good }) => {
    const option = new Option(name, name);
    option.title = good || "";
    return option;
  }));
  $("model").value = state.models.find((m) => m.current).name;
  showModel();
}

const clicks = {
  undo, redo, repair: () => repair().finally(loadModels), download, "mask-save": saveMask,
  clear: () => state.mask.add({ tool: "clear" }), invert: () => state.mask.add({ tool: "invert" }),
  open: () => $("file").click(), "open-large": () => $("file").click(), "mask-load": () => $("mask-file").click(),
  fit: () => view.fit(), "zoom-in": () => view.zoomAt(1.25), "zoom-out": () => view.zoomAt(0.8),
  cancel: () => state.running?.abort(), compare: () => setCompare($("compare").getAttribute("aria-pressed") !== "true"),
};
for (const [id, action] of Object.entries(clicks)) $(id).onclick = () => act(action);
document.querySelectorAll(".tool").forEach((b) => { b.onclick = () => setTool(b.dataset.tool); });
$("file").onchange = (e) => act(() => open(e.target.files[0])).then(() => { e.target.value = ""; });
$("mask-file").onchange = (e) => act(() => loadMask(e.target.files[0])).then(() => { e.target.value = ""; });
$("size").oninput = showSize;
$("split").oninput = () => setCompare(true);
$("model").onchange = showModel;
const hold = (is) => { if (!$("hold").disabled || !is) { view.before = is; view.draw(); } };
$("hold").onpointerdown = () => hold(true);
for (const end of ["onpointerup", "onpointerleave", "onblur"]) $("hold")[end] = () => hold(false);

document.addEventListener("paste", (e) => {
  const file = [...e.clipboardData.files].find((f) => f.type.startsWith("image/"));
  if (file) act(() => open(file));
});
document.addEventListener("dragover", (e) => { e.preventDefault(); document.body.classList.add("over"); });
document.addEventListener("dragleave", () => document.body.classList.remove("over"));
document.addEventListener("drop", (e) => {
  e.preventDefault();
  document.body.classList.remove("over");
  act(() => open(e.dataTransfer.files[0]));
});
window.addEventListener("beforeunload", (e) => { if (!state.isKept) e.preventDefault(); });

function paint(points) {
  if (!state.picture || state.running) return;
  if (state.tool === "object") { act(() => selectObject(points[0])); return; }
  const tool = state.tool === "eraser" ? "eraser" : "brush";
  state.mask.add({ tool, size: Number($("size").value), points });
  update();
}

listenToKeys(view, { setTool, resizeBrush, hold, paint });
act(loadModels);
api.health().then(({ segment }) => { $("object").hidden = !segment; }, () => {});
