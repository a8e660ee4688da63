// The mask: a canvas of its own, redrawn from a list of strokes, so that undo needs no copies of it.
const LARGEST = 16e6; // pixels of the canvas; the mask of a larger picture is reduced

export class Mask {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.scale = Math.min(1, Math.sqrt(LARGEST / (width * height)));
    this.canvas = document.createElement("canvas");
    this.canvas.width = Math.max(1, Math.round(width * this.scale));
    this.canvas.height = Math.max(1, Math.round(height * this.scale));
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.strokes = [];
    this.undone = [];
  }

  // A stroke: {tool: brush|eraser|rectangle|lasso|invert|clear|picture, size, points: [[x, y], …], picture}
  add(stroke) {
    this.strokes.push(stroke);
    this.undone = [];
    this.draw(stroke);
  }

  undo() { this.move(this.strokes, this.undone); }
  redo() { this.move(this.undone, this.strokes); }

  move(from, to) {
    if (!from.length) return;
    to.push(from.pop());
    this.redraw();
  }

  redraw() {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.strokes.forEach((stroke) => this.draw(stroke));
  }

  draw({ tool, size, points, picture }) {
    const c = this.context;
    c.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    c.globalCompositeOperation = tool === "eraser" ? "destination-out" : tool === "invert" ? "xor" : "source-over";
    c.fillStyle = c.strokeStyle = "#ff2d55";
    if (tool === "clear") c.clearRect(0, 0, this.width, this.height);
    else if (tool === "invert") c.fillRect(0, 0, this.width, this.height);
    else if (tool === "picture") c.drawImage(picture, 0, 0, this.width, this.height);
    else if (tool === "rectangle") {
      const [[x, y], [u, v]] = [points[0], points.at(-1)];
      c.fillRect(Math.min(x, u), Math.min(y, v), Math.abs(u - x), Math.abs(v - y));
    } else {
      c.beginPath();
      points.forEach(([x, y]) => c.lineTo(x, y));
      if (tool === "lasso") { c.closePath(); c.fill(); return; }
      if (points.length === 1) c.lineTo(points[0][0] + 0.01, points[0][1]);
      c.lineWidth = size;
      c.lineCap = c.lineJoin = "round";
      c.stroke();
    }
  }

  // The painted part as [left, top, right, bottom] in the picture's pixels, or null.
  bounds() {
    const { width, height } = this.canvas;
    const data = this.context.getImageData(0, 0, width, height).data;
    let left = width, top = height, right = -1, bottom = -1;
    for (let y = 0, i = 3; y < height; y++) {
      for (let x = 0; x < width; x++, i += 4) {
        if (data[i] > 127) {
          if (x < left) left = x;
          if (x > right) right = x;
          if (y < top) top = y;
          bottom = y;
        }
      }
    }
    if (right < 0) return null;
    const s = this.scale;
    return [Math.floor(left / s), Math.floor(top / s), Math.min(this.width, Math.ceil((right + 1) / s)), Math.min(this.height, Math.ceil((bottom + 1) / s))];
  }

  // White on black, of a part of the picture, as PNG.
  async blob([left, top, right, bottom]) {
    const canvas = new OffscreenCanvas(right - left, bottom - top), c = canvas.getContext("2d");
    c.imageSmoothingEnabled = false;
    c.setTransform(1 / this.scale, 0, 0, 1 / this.scale, -left, -top);
    c.drawImage(this.canvas, 0, 0);
    const pixels = c.getImageData(0, 0, canvas.width, canvas.height), data = pixels.data;
    for (let i = 0; i < data.length; i += 4) {
      data[i] = data[i + 1] = data[i + 2] = data[i + 3] > 127 ? 255 : 0;
      data[i + 3] = 255;
    }
    c.putImageData(pixels, 0, 0);
    return canvas.convertToBlob({ type: "image/png" });
  }
}

// A mask's file (white is the hole) as paint on nothing.
export async function paintOf(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const c = canvas.getContext("2d");
  c.drawImage(bitmap, 0, 0);
  const pixels = c.getImageData(0, 0, canvas.width, canvas.height), data = pixels.data;
  for (let i = 0; i < data.length; i += 4) {
    const is = data[i] > 127;
    [data[i], data[i + 1], data[i + 2], data[i + 3]] = is ? [255, 45, 85, 255] : [0, 0, 0, 0];
  }
  c.putImageData(pixels, 0, 0);
  return canvas;
}
