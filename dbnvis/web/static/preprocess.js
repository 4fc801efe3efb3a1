// From a drawing or a photograph to the input of a network: grey, size and place as MNIST's digits have them.
// Mirrors dbnvis/datasets/pictures.py to the last bit or so: Pillow and NumPy keep single precision, so Math.fround stands
// wherever they store a number. (LeCun, Bottou, Bengio, Haffner 1998, section III.A.)

/** @typedef {import("./maths.js").Floats} Floats */
/** @typedef {readonly [number, number]} Size  rows and columns, as everywhere: height first */

const INK = 0.25; // share of the strongest pixel's difference from the ground above which a pixel is ink
const BOX = 20 / 28; // longer side of MNIST's digits, share of the picture
const LUMA = [0.299, 0.587, 0.114]; // of ITU-R BT.601
const FAINT = 1 / 16; // contrast below which a picture counts as blank

/**
 * Normalize the drawing of a digit as MNIST's were: size by the box around the ink, place by the centre of mass.
 *
 * The longer side of the box becomes 20/28 of the picture's, proportions kept, and the centre of mass comes to the
 * middle pixel, as far as the ink stays on the picture. Ink is what differs from the ground, the median of the border,
 * by more than a quarter of what the strongest pixel does.
 * @param {Floats} pixels in [0, 1], of one channel
 * @param {Size} from
 * @param {Size} to
 * @returns {Float32Array | null} null if all pixels are the same: there is nothing to centre
 */
export function centerDigit(pixels, from, to) {
  const ground = borderMedian(pixels, from), drawing = new Float32Array(pixels.length);
  for (let i = 0; i < drawing.length; i++) drawing[i] = Math.fround(pixels[i]) - ground;
  const box = inkBox(drawing, from);
  if (box === null) return null;
  const height = box.bottom - box.top, width = box.right - box.left;
  const cut = new Float32Array(height * width);
  for (let r = 0; r < height; r++) {
    const start = (box.top + r) * from[1] + box.left;
    cut.set(drawing.subarray(start, start + width), r * width);
  }
  const scale = Math.min((BOX * to[0]) / height, (BOX * to[1]) / width);
  const rows = Math.max(roundHalfEven(scale * height), 1), columns = Math.max(roundHalfEven(scale * width), 1);
  const resized = resize(cut, [height, width], [rows, columns]);
  const [middleRow, middleColumn] = centreOfMass(resized, [rows, columns]);
  const top = clip(Math.floor(to[0] / 2) - Math.trunc(middleRow + 0.5), 0, to[0] - rows);
  const left = clip(Math.floor(to[1] / 2) - Math.trunc(middleColumn + 0.5), 0, to[1] - columns);
  const placed = new Float32Array(to[0] * to[1]).fill(clip(ground, 0, 1));
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      placed[(top + r) * to[1] + left + c] = clip(Math.fround(ground + resized[r * columns + c]), 0, 1);
    }
  }
  return placed;
}

/**
 * A whole picture, resized to fit into `to` with its proportions kept, the rest filled with the median of its border.
 * @param {Floats} pixels
 * @param {Size} from
 * @param {Size} to
 * @returns {Float32Array}
 */
export function fitPicture(pixels, from, to) {
  const scale = Math.max(from[0] / to[0], from[1] / to[1]);
  const rows = clip(roundHalfEven(from[0] / scale), 1, to[0]), columns = clip(roundHalfEven(from[1] / scale), 1, to[1]);
  const inner = resize(pixels, from, [rows, columns]);
  const fitted = new Float32Array(to[0] * to[1]).fill(borderMedian(pixels, from));
  const top = Math.floor((to[0] - rows) / 2), left = Math.floor((to[1] - columns) / 2);
  for (let r = 0; r < rows; r++) fitted.set(inner.subarray(r * columns, (r + 1) * columns), (top + r) * to[1] + left);
  return fitted;
}

/**
 * `fitPicture` for each of three planes.
 * @param {Floats} planes
 * @param {Size} from
 * @param {Size} to
 * @returns {Float32Array}
 */
export function fitColours(planes, from, to) {
  const n = from[0] * from[1], size = to[0] * to[1], fitted = new Float32Array(3 * size);
  for (let c = 0; c < 3; c++) fitted.set(fitPicture(planes.subarray(c * n, (c + 1) * n), from, to), c * size);
  return fitted;
}

/**
 * Three planes in [0, 1], red, green and blue, of a canvas's bytes, which are opaque.
 * @param {Uint8ClampedArray | Uint8Array} rgba
 * @returns {Float32Array}
 */
export function toColours(rgba) {
  const n = rgba.length / 4;
  return Float32Array.from({length: 3 * n}, (_, i) => rgba[4 * (i % n) + Math.floor(i / n)] / 255);
}

/**
 * Grey pixels in [0, 1] of a canvas's bytes (red, green, blue, alpha). Transparent parts become black if the ink is
 * light, white if it is dark, so that it is seen.
 * @param {Uint8ClampedArray | Uint8Array} rgba
 * @returns {Float32Array}
 */
export function toInput(rgba) {
  const n = rgba.length / 4, grey = new Float32Array(n);
  let ink = 0, opaque = 0;
  for (let i = 0; i < n; i++) {
    const luma = LUMA[0] * rgba[4 * i] + LUMA[1] * rgba[4 * i + 1] + LUMA[2] * rgba[4 * i + 2];
    const alpha = rgba[4 * i + 3] / 255;
    grey[i] = (luma / 255) * alpha;
    ink += grey[i];
    opaque += alpha;
  }
  if (opaque < n && ink <= opaque / 2) for (let i = 0; i < n; i++) grey[i] += 1 - rgba[4 * i + 3] / 255;
  return grey;
}

/**
 * Whether a picture is almost one grey: there is nothing on it to see.
 * @param {Floats} pixels
 * @returns {boolean}
 */
export function isBlank(pixels) {
  let least = Infinity, most = -Infinity;
  for (let i = 0; i < pixels.length; i++) {
    least = Math.min(least, pixels[i]);
    most = Math.max(most, pixels[i]);
  }
  return most - least < FAINT;
}

/**
 * Whether the median of a picture's border is in the lighter half of the range: dark ink on light paper. MNIST's digits
 * are light on dark; such a picture should be inverted.
 * @param {Floats} pixels
 * @param {Size} size
 * @param {readonly [number, number]} [within]
 * @returns {boolean}
 */
export function lightGround(pixels, size, within = [0, 1]) {
  return borderMedian(pixels, size) > (within[0] + within[1]) / 2;
}

/**
 * Median of the first and last row and the first and last column, in single precision.
 * @param {Floats} pixels
 * @param {Size} size
 * @returns {number}
 */
export function borderMedian(pixels, [rows, columns]) {
  const edge = [];
  for (let c = 0; c < columns; c++) edge.push(pixels[c], pixels[(rows - 1) * columns + c]);
  for (let r = 0; r < rows; r++) edge.push(pixels[r * columns], pixels[(r + 1) * columns - 1]);
  const sorted = Float32Array.from(edge).sort(), half = sorted.length / 2; // there is an even number of them
  return Math.fround(Math.fround(sorted[half - 1] + sorted[half]) / 2);
}

/**
 * Rows and columns that hold the ink of a drawing on the ground 0; null if there is none.
 * @param {Float32Array} drawing
 * @param {Size} size
 * @returns {{top: number, bottom: number, left: number, right: number} | null} bottom and right exclusive
 */
export function inkBox(drawing, [rows, columns]) {
  let strongest = 0;
  for (let i = 0; i < drawing.length; i++) strongest = Math.max(strongest, Math.abs(drawing[i]));
  if (strongest === 0) return null;
  const box = {top: rows, bottom: 0, left: columns, right: 0};
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      if (Math.abs(drawing[r * columns + c]) <= INK * strongest) continue;
      box.top = Math.min(box.top, r);
      box.bottom = r + 1;
      box.left = Math.min(box.left, c);
      box.right = Math.max(box.right, c + 1);
    }
  }
  return box;
}

/**
 * Resize as Pillow does (bicubic, antialiased): first along the rows, then along the columns.
 * @param {Floats} pixels
 * @param {Size} from
 * @param {Size} to
 * @returns {Float32Array}
 */
export function resize(pixels, from, to) {
  let x = Float32Array.from(pixels);
  if (to[1] !== from[1]) x = resizeAxis(x, from[0], from[1], to[1], from[1], 1, to[1], 1);
  if (to[0] !== from[0]) x = resizeAxis(x, to[1], from[0], to[0], 1, to[1], 1, to[1]);
  return x;
}

/**
 * Resize one axis: every new pixel is a weighted mean of the old ones around its centre. The window widens with the
 * scale, so that shrinking averages instead of leaving pixels out.
 * @param {Float32Array} x
 * @param {number} lines number of rows or columns to go through
 * @param {number} nIn pixels of each
 * @param {number} nOut
 * @param {number} lineIn steps in memory from one line to the next, of the input
 * @param {number} stepIn and from one pixel to the next
 * @param {number} lineOut the same of the output
 * @param {number} stepOut
 * @returns {Float32Array<ArrayBuffer>}
 */
function resizeAxis(x, lines, nIn, nOut, lineIn, stepIn, lineOut, stepOut) {
  const out = new Float32Array(lines * nOut), scale = nIn / nOut, wider = Math.max(scale, 1), support = 2 * wider;
  const weights = new Float64Array(2 * Math.ceil(support) + 1);
  for (let i = 0; i < nOut; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), nIn);
    let total = 0;
    for (let k = first; k < end; k++) total += weights[k - first] = bicubic((k - centre + 0.5) * (1 / wider));
    if (total !== 0) for (let k = first; k < end; k++) weights[k - first] /= total;
    for (let line = 0; line < lines; line++) {
      let sum = 0;
      for (let k = first; k < end; k++) sum += x[line * lineIn + k * stepIn] * weights[k - first];
      out[line * lineOut + i * stepOut] = sum;
    }
  }
  return out;
}

/**
 * The cubic convolution kernel with a = -1/2 (Keys 1981), 0 beyond 2.
 * @param {number} x
 * @returns {number}
 */
function bicubic(x) {
  const a = -0.5, d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

/**
 * Row and column of the centre of mass of |drawing|. The sums are NumPy's, in single precision and in its order: where
 * a drawing is symmetric its centre lies on the border of two pixels, and the last bit decides.
 * @param {Float32Array} drawing
 * @param {Size} size
 * @returns {[number, number]}
 */
function centreOfMass(drawing, [rows, columns]) {
  const mass = drawing.map(Math.abs), ofRows = new Float32Array(rows), ofColumns = new Float32Array(columns);
  for (let r = 0; r < rows; r++) {
    ofRows[r] = pairwiseSum(mass, r * columns, columns);
    for (let c = 0; c < columns; c++) ofColumns[c] += mass[r * columns + c];
  }
  return [balance(ofRows), balance(ofColumns)];
}

/**
 * sum_i i m_i / sum_i m_i.
 * @param {Float32Array} masses
 * @returns {number}
 */
function balance(masses) {
  let moment = 0;
  for (let i = 0; i < masses.length; i++) moment += i * masses[i];
  return moment / pairwiseSum(masses, 0, masses.length);
}

/**
 * NumPy's sum of numbers beside each other: eight partial sums, halves of more than 128 numbers by themselves.
 * @param {Float32Array} x
 * @param {number} start
 * @param {number} n
 * @returns {number}
 */
export function pairwiseSum(x, start, n) {
  const add = (/** @type {number} */ a, /** @type {number} */ b) => Math.fround(a + b);
  let total = 0;
  if (n < 8) {
    for (let i = 0; i < n; i++) total = add(total, x[start + i]);
    return total;
  }
  if (n > 128) {
    const half = Math.floor(n / 2) - (Math.floor(n / 2) % 8);
    return add(pairwiseSum(x, start, half), pairwiseSum(x, start + half, n - half));
  }
  const part = x.slice(start, start + 8), whole = n - (n % 8);
  for (let i = 8; i < whole; i++) part[i % 8] += x[start + i];
  total = add(add(add(part[0], part[1]), add(part[2], part[3])), add(add(part[4], part[5]), add(part[6], part[7])));
  for (let i = whole; i < n; i++) total = add(total, x[start + i]);
  return total;
}

/**
 * To the nearest integer, halves to the even one, as Python rounds.
 * @param {number} x
 * @returns {number}
 */
function roundHalfEven(x) {
  const down = Math.floor(x);
  return x - down === 0.5 ? down + (down % 2) : Math.round(x);
}

/**
 * @param {number} x
 * @param {number} low
 * @param {number} high
 * @returns {number}
 */
function clip(x, low, high) {
  return Math.min(Math.max(x, low), high);
}
