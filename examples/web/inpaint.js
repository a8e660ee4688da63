// Repairs a picture in the browser with an exported network and onnxruntime-web; nothing is sent anywhere.
import * as ort from "./ort/ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1; // more need a page that is isolated (COOP and COEP headers)
ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;

const CONTEXT = 64; // known pixels around the hole that the network sees
const MULTIPLE = 8; // of which its sides are
const LARGEST = 512; // longer side of what it sees; a larger part is filled reduced

export const open = (file) => ort.InferenceSession.create(file);

// Fills several pictures of one size at once: image [B, 3, H, W] and mask [B, 1, H, W], Float32Arrays, sides multiples of 8.
export async function run(session, image, mask, [batch, height, width]) {
  const feeds = { image: new ort.Tensor("float32", image, [batch, 3, height, width]), mask: new ort.Tensor("float32", mask, [batch, 1, height, width]) };
  return (await session.run(feeds)).repaired.data;
}

// Fills the hole of a picture of any size: pixels is ImageData, hole a Uint8Array of its size, 1 = hole.
// Returns new ImageData; every pixel outside of the hole is the same, byte for byte.
export async function inpaint(session, pixels, hole) {
  const box = around(hole, pixels.width, pixels.height);
  const result = new ImageData(new Uint8ClampedArray(pixels.data), pixels.width, pixels.height);
  if (!box) return result;
  const [left, top, width, height] = box, scale = Math.min(1, LARGEST / Math.max(width, height));
  const size = [width, height].map((side) => Math.max(2 * MULTIPLE, Math.ceil((side * scale) / MULTIPLE) * MULTIPLE));
  const seen = resized(pixels, box, size), n = size[0] * size[1];
  const image = new Float32Array(3 * n), mask = new Float32Array(n);
  for (let y = 0; y < size[1]; y++) {
    for (let x = 0; x < size[0]; x++) {
      const i = y * size[0] + x;
      for (let c = 0; c < 3; c++) image[c * n + i] = seen.data[4 * i + c] / 255;
      mask[i] = anySet(hole, pixels.width, box, size, x, y) ? 1 : 0;
    }
  }
  const filled = await run(session, image, mask, [1, size[1], size[0]]);
  const bytes = new ImageData(size[0], size[1]);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < 3; c++) bytes.data[4 * i + c] = Math.round(255 * filled[c * n + i]);
    bytes.data[4 * i + 3] = 255;
  }
  const fill = resized(bytes, [0, 0, ...size], [width, height]);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const to = (top + y) * pixels.width + left + x;
      if (hole[to]) for (let c = 0; c < 3; c++) result.data[4 * to + c] = fill.data[4 * (y * width + x) + c];
    }
  }
  return result;
}

// The hole and its context, [left, top, width, height]; null where nothing is painted.
function around(hole, width, height) {
  let left = width, top = height, right = -1, bottom = -1;
  for (let i = 0; i < hole.length; i++) {
    if (!hole[i]) continue;
    const x = i % width, y = (i - x) / width;
    left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y);
  }
  if (right < 0) return null;
  [left, top] = [Math.max(0, left - CONTEXT), Math.max(0, top - CONTEXT)];
  return [left, top, Math.min(width, right + 1 + CONTEXT) - left, Math.min(height, bottom + 1 + CONTEXT) - top];
}

function resized(pixels, [left, top, width, height], size) {
  const whole = new OffscreenCanvas(pixels.width, pixels.height), small = new OffscreenCanvas(...size);
  whole.getContext("2d").putImageData(pixels, 0, 0);
  const c = small.getContext("2d", { willReadFrequently: true });
  c.imageSmoothingQuality = "high";
  c.drawImage(whole, left, top, width, height, 0, 0, ...size);
  return c.getImageData(0, 0, ...size);
}

// Whether any pixel of the hole lies below a pixel of what the network sees: nothing of it may be taken for known.
function anySet(hole, stride, [left, top, width, height], size, x, y) {
  const [x0, x1] = [x, x + 1].map((place) => (place * width) / size[0]), [y0, y1] = [y, y + 1].map((place) => (place * height) / size[1]);
  for (let v = Math.max(0, Math.floor(y0) - 1); v < Math.min(height, Math.ceil(y1) + 1); v++) {
    for (let u = Math.max(0, Math.floor(x0) - 1); u < Math.min(width, Math.ceil(x1) + 1); u++) {
      if (hole[(top + v) * stride + left + u]) return true;
    }
  }
  return false;
}
