// Small helpers for the page: elements, canvases of grey pixels, numbers in words.

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes] properties where the element has them, attributes otherwise; null: left out
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (name in made) /** @type {any} */ (made)[name] = value;
    else made.setAttribute(name, String(value));
  }
  made.append(...children);
  return made;
}

/**
 * The element of the page with this id.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} #${id}`);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 * @returns {CanvasRenderingContext2D}
 */
export function context(canvas, settings) {
  const found = canvas.getContext("2d", settings);
  if (!found) throw new Error("this browser has no canvas to draw on");
  return found;
}

/**
 * Paint pixels, grey, or three planes of red, green and blue; `low` becomes black, `high` white or the full colour.
 * @param {HTMLCanvasElement} canvas resized to (rows, columns)
 * @param {ArrayLike<number>} pixels
 * @param {readonly number[]} size rows, columns
 * @param {readonly [number, number]} [range]
 */
export function paintGrey(canvas, pixels, [rows, columns], [low, high] = [0, 1]) {
  if (canvas.width !== columns || canvas.height !== rows) Object.assign(canvas, {width: columns, height: rows});
  const pen = context(canvas), picture = pen.createImageData(columns, rows);
  picture.data.set(rgbaOf(pixels, rows * columns, low, high));
  pen.putImageData(picture, 0, 0);
}

/**
 * Bytes (red, green, blue, alpha) of `n` pixels, which are grey or three planes.
 * @param {ArrayLike<number>} pixels
 * @param {number} n
 * @param {number} low
 * @param {number} high
 * @returns {Uint8ClampedArray}
 */
export function rgbaOf(pixels, n, low, high) {
  const data = new Uint8ClampedArray(4 * n), plane = pixels.length === 3 * n ? n : 0;
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < 3; c++) data[4 * i + c] = (255 * (pixels[c * plane + i] - low)) / (high - low);
    data[4 * i + 3] = 255;
  }
  return data;
}

/**
 * Paint signed pixels: orange above 0, blue below, white at 0; the largest |pixel| has the full colour. Three planes of
 * colours stand around mid-grey, all scaled together.
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>} pixels
 * @param {readonly number[]} size rows, columns
 * @param {number} [full] the |pixel| that has the full colour
 */
export function paintSigned(canvas, pixels, [rows, columns], full = 0) {
  if (canvas.width !== columns || canvas.height !== rows) Object.assign(canvas, {width: columns, height: rows});
  const pen = context(canvas), picture = pen.createImageData(columns, rows), {data} = picture;
  let most = full;
  if (pixels.length === 3 * rows * columns) {
    for (let i = 0; i < pixels.length && full === 0; i++) most = Math.max(most, Math.abs(pixels[i]), 1e-12);
    return paintGrey(canvas, pixels, [rows, columns], [-most, most]);
  }
  for (let i = 0; i < rows * columns && full === 0; i++) most = Math.max(most, Math.abs(pixels[i]));
  for (let i = 0; i < rows * columns; i++) {
    const share = most > 0 ? pixels[i] / most : 0, [red, green, blue] = share > 0 ? [213, 94, 0] : [0, 98, 168];
    const size = Math.min(1, Math.abs(share));
    data[4 * i] = 255 + (red - 255) * size;
    data[4 * i + 1] = 255 + (green - 255) * size;
    data[4 * i + 2] = 255 + (blue - 255) * size;
    data[4 * i + 3] = 255;
  }
  pen.putImageData(picture, 0, 0);
}

/**
 * A percentage rounded down, so that only 100 stands for all: 99.96 is "99.9".
 * @param {number} percent
 * @returns {string}
 */
export function roundedDown(percent) {
  return percent >= 99 && percent < 100 ? (Math.floor(percent * 10) / 10).toFixed(1) : Math.floor(percent).toFixed(0);
}

/**
 * A share of test images read off a table of quantiles, which cannot tell the last hundredth from all.
 * @param {number} percent
 * @returns {string}
 */
export function shareText(percent) {
  return percent >= 99 ? "at least 99" : Math.floor(percent).toFixed(0);
}

/**
 * A data set as it is written in a sentence.
 * @param {string} name
 * @returns {string}
 */
export function datasetName(name) {
  return name === "mnist" ? "MNIST" : name;
}

/**
 * A number with its sign, of one decimal.
 * @param {number} x
 * @param {number} [digits]
 * @returns {string}
 */
export function signed(x, digits = 1) {
  return `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(digits)}`;
}
