// The picture: the opened file, and patches, one for each repair. The file itself is never decoded to be saved.
export class Picture {
  static async open(file) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
    } catch {
      throw new Error(`${file.name || "The file"} is no picture that this browser can show. PNG, JPEG and WebP work.`);
    }
    return new Picture(file, bitmap);
  }

  constructor(file, bitmap) {
    this.file = file;
    this.bitmap = bitmap;
    this.width = bitmap.width;
    this.height = bitmap.height;
    this.patches = []; // {left, top, canvas}
    this.step = 0; // patches that are shown; the others can be gone back to
  }

  add(patch) {
    this.patches.length = this.step;
    this.patches.push(patch);
    this.step++;
  }

  draw(context, step = this.step) {
    context.drawImage(this.bitmap, 0, 0);
    this.patches.slice(0, step).forEach(({ left, top, canvas }) => context.drawImage(canvas, left, top));
  }

  crop([left, top, right, bottom]) {
    const canvas = new OffscreenCanvas(right - left, bottom - top), c = canvas.getContext("2d", { willReadFrequently: true });
    c.translate(-left, -top);
    this.draw(c);
    return canvas;
  }

  // What a result changed in a part of the picture, everything else transparent.
  async patch(part, sent, blob) {
    const result = await createImageBitmap(blob, { colorSpaceConversion: "none" });
    const canvas = new OffscreenCanvas(sent.width, sent.height), c = canvas.getContext("2d", { willReadFrequently: true });
    c.drawImage(result, 0, 0);
    const after = c.getImageData(0, 0, sent.width, sent.height);
    const before = new Uint32Array(sent.getContext("2d").getImageData(0, 0, sent.width, sent.height).data.buffer);
    const pixels = new Uint32Array(after.data.buffer);
    for (let i = 0; i < pixels.length; i++) pixels[i] = pixels[i] === before[i] ? 0 : pixels[i] | 0xff000000;
    c.putImageData(after, 0, 0);
    return { left: part[0], top: part[1], canvas };
  }

  // All patches that are shown as one, and where it lies.
  async changes() {
    const shown = this.patches.slice(0, this.step);
    const left = Math.min(...shown.map((p) => p.left)), top = Math.min(...shown.map((p) => p.top));
    const right = Math.max(...shown.map((p) => p.left + p.canvas.width)), bottom = Math.max(...shown.map((p) => p.top + p.canvas.height));
    const canvas = new OffscreenCanvas(right - left, bottom - top), c = canvas.getContext("2d");
    shown.forEach((p) => c.drawImage(p.canvas, p.left - left, p.top - top));
    return { left, top, patch: await canvas.convertToBlob({ type: "image/png" }) };
  }

  // A small copy of a step, for the history.
  thumbnail(step) {
    const canvas = document.createElement("canvas"), scale = 60 / Math.max(this.width, this.height);
    canvas.width = Math.max(1, this.width * scale);
    canvas.height = Math.max(1, this.height * scale);
    const c = canvas.getContext("2d");
    c.scale(scale, scale);
    this.draw(c, step);
    return canvas;
  }
}
