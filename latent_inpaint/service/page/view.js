// What is seen of picture and mask, and how the pointer, the wheel and fingers move and paint.
export class View {
  // onStroke(stroke) is called when a stroke is whole; tool() gives {tool, size}.
  constructor(canvas, { tool, onStroke, onSize }) {
    Object.assign(this, { canvas, tool, onStroke, onSize });
    this.context = canvas.getContext("2d");
    this.picture = this.mask = this.stroke = this.at = null;
    this.zoom = 1;
    this.left = this.top = 0;
    this.before = false; // the picture before is shown
    this.split = null; // part of the width that shows the picture before
    this.isSpace = false;
    this.fingers = new Map();
    canvas.addEventListener("pointerdown", (e) => this.down(e));
    canvas.addEventListener("pointermove", (e) => this.move(e));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (e) => this.up(e));
    canvas.addEventListener("pointerleave", () => { this.at = null; this.draw(); });
    canvas.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  show(picture, mask) {
    Object.assign(this, { picture, mask });
    this.fit();
  }

  resize() {
    const ratio = devicePixelRatio || 1, isFitted = this.isFitted;
    this.canvas.width = this.canvas.clientWidth * ratio;
    this.canvas.height = this.canvas.clientHeight * ratio;
    if (isFitted) this.fit();
    this.draw();
  }

  fit() {
    if (!this.picture) return;
    const { width, height } = this.canvas, margin = 0.96;
    this.zoom = Math.min(width * margin / this.picture.width, height * margin / this.picture.height, 16);
    this.left = (width - this.picture.width * this.zoom) / 2;
    this.top = (height - this.picture.height * this.zoom) / 2;
    this.isFitted = true;
    this.draw();
  }

  zoomAt(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    const zoom = Math.min(64, Math.max(0.01, this.zoom * factor));
    this.left = x - (x - this.left) * zoom / this.zoom;
    this.top = y - (y - this.top) * zoom / this.zoom;
    this.zoom = zoom;
    this.isFitted = false;
    this.draw();
  }

  // A pointer's place in the canvas, and in the picture.
  place(event) {
    const box = this.canvas.getBoundingClientRect(), ratio = this.canvas.width / box.width;
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
  }

  inPicture([x, y]) { return [(x - this.left) / this.zoom, (y - this.top) / this.zoom]; }

  down(event) {
    if (!this.picture || event.button > 1) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, this.place(event));
    if (this.fingers.size > 1) { this.stroke = null; this.draw(); return; } // a pinch is no stroke
    const { tool, size } = this.tool();
    this.isMoving = this.isSpace || event.button === 1 || tool === "pan";
    if (this.isMoving) return;
    this.stroke = { tool, size, points: [this.inPicture(this.place(event))] };
    this.draw();
  }

  move(event) {
    const place = this.place(event), before = this.fingers.get(event.pointerId);
    this.at = place;
    if (before && this.fingers.size === 2) this.pinch(event.pointerId, before, place);
    else if (before && this.isMoving) this.pan(place[0] - before[0], place[1] - before[1]);
    else if (this.stroke) {
      for (const e of event.getCoalescedEvents?.() ?? []) this.stroke.points.push(this.inPicture(this.place(e)));
      this.stroke.points.push(this.inPicture(place));
    }
    if (before) this.fingers.set(event.pointerId, place);
    this.draw();
  }

  up(event) {
    this.fingers.delete(event.pointerId);
    const stroke = this.stroke;
    this.stroke = null;
    if (stroke && event.type === "pointerup") this.onStroke(stroke);
    this.draw();
  }

  pan(x, y) { this.left += x; this.top += y; this.isFitted = false; this.draw(); }

  pinch(moved, before, place) {
    const other = [...this.fingers].find(([id]) => id !== moved)[1];
    const far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
    this.zoomAt(far(place, other) / far(before, other), (before[0] + other[0]) / 2, (before[1] + other[1]) / 2);
    this.pan((place[0] - before[0]) / 2, (place[1] - before[1]) / 2);
  }

  wheel(event) {
    event.preventDefault();
    if (event.shiftKey || event.altKey) this.onSize(event.deltaY + event.deltaX < 0 ? 1.15 : 1 / 1.15);
    else this.zoomAt(Math.exp(-event.deltaY / 400), ...this.place(event));
  }

  draw() {
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => { this.isWaiting = false; this.paint(); });
  }

  paint() {
    const c = this.context, { width, height } = this.canvas;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, width, height);
    if (!this.picture) return;
    c.setTransform(this.zoom, 0, 0, this.zoom, this.left, this.top);
    c.imageSmoothingEnabled = this.zoom < 3;
    c.imageSmoothingQuality = "high";
    this.picture.draw(c, this.before ? 0 : this.picture.step);
    if (this.split !== null) this.paintBefore(c);
    if (this.before || this.split !== null) return;
    c.globalAlpha = 0.55;
    c.drawImage(this.mask.canvas, 0, 0, this.picture.width, this.picture.height);
    c.globalAlpha = 1;
    if (this.stroke) this.paintStroke(c);
    this.paintPointer(c);
  }

  paintBefore(c) {
    const border = this.picture.width * this.split;
    c.save();
    c.beginPath();
    c.rect(0, 0, border, this.picture.height);
    c.clip();
    this.picture.draw(c, 0);
    c.restore();
    c.fillStyle = "#fff";
    c.fillRect(border - 1 / this.zoom, 0, 2 / this.zoom, this.picture.height);
  }

  paintStroke(c) {
    const { tool, size, points } = this.stroke, [[x, y], [u, v]] = [points[0], points.at(-1)];
    c.strokeStyle = tool === "eraser" ? "#fff8" : "#ff2d558c";
    c.lineCap = c.lineJoin = "round";
    c.lineWidth = tool === "brush" || tool === "eraser" ? size : 2 / this.zoom;
    c.beginPath();
    if (tool === "rectangle") c.rect(x, y, u - x, v - y);
    else points.forEach((point) => c.lineTo(...point));
    if (points.length === 1) c.lineTo(x + 0.01, y);
    c.stroke();
  }

  paintPointer(c) {
    const { tool, size } = this.tool();
    if (!this.at || !["brush", "eraser"].includes(tool)) return;
    for (const [colour, width] of [["#000", 3], ["#fff", 1.5]]) {
      c.strokeStyle = colour;
      c.lineWidth = width / this.zoom;
      c.beginPath();
      c.arc(...this.inPicture(this.at), size / 2, 0, 7);
      c.stroke();
    }
  }
}
