// The mathematics of the layers on flat, row-major arrays of one input each; a batch is a loop of the caller's.
// Mirrors dbnvis/numerics.py, models/layers.py, models/convolution.py and models/pooling.py. Functions that fill an
// array take it as their last argument, `out`, and make a new one if it is left out.

/** @typedef {Float32Array | Float64Array} Floats  numbers of either precision */
/** @typedef {[number, number, number]} MapShape  channels, rows, columns */
/** @typedef {{rows: number, columns: number, stride: number, padding: number}} Window  what one output sees */

/**
 * The logistic function 1 / (1 + exp(-x)). Where exp(-x) overflows to infinity, the quotient is 0 as it should be.
 * @param {number} x
 * @returns {number}
 */
export function sigmoid(x) {
  return 1 / (1 + Math.exp(-x));
}

/**
 * log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), exact for large |x|.
 * @param {number} x
 * @returns {number}
 */
export function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/**
 * exp(x_i) / sum_j exp(x_j); the largest x is subtracted first, so that no exponential overflows.
 * @param {Floats} x
 * @param {Floats} [out]
 * @returns {Floats}
 */
export function softmax(x, out = new Float64Array(x.length)) {
  let top = -Infinity;
  for (let i = 0; i < x.length; i++) top = Math.max(top, x[i]);
  let total = 0;
  for (let i = 0; i < x.length; i++) total += out[i] = Math.exp(x[i] - top);
  for (let i = 0; i < x.length; i++) out[i] /= total;
  return out;
}

/**
 * x W + bias, with W of (x.length, nOut). Inputs that are 0 are skipped: a drawing is mostly ground, a binary layer
 * mostly off. (So a weight that is not a number shows only when its input is on.) Four rows of W are added at a time,
 * which reads and writes the sums a quarter as often.
 * @param {Floats} x
 * @param {Floats} W
 * @param {Floats} bias
 * @param {number} nOut
 * @param {Floats} [out]
 * @returns {Floats}
 */
export function dense(x, W, bias, nOut, out = new Float64Array(nOut)) {
  out.set(bias);
  const n = x.length;
  let i = 0;
  while (i < n) {
    while (i < n && x[i] === 0) i++;
    if (i >= n) break;
    const a = x[i], rowA = nOut * i++;
    while (i < n && x[i] === 0) i++;
    const b = i < n ? x[i] : 0, rowB = i < n ? nOut * i++ : -1;
    while (i < n && x[i] === 0) i++;
    const c = i < n ? x[i] : 0, rowC = i < n ? nOut * i++ : -1;
    while (i < n && x[i] === 0) i++;
    const d = i < n ? x[i] : 0, rowD = i < n ? nOut * i++ : -1;
    if (rowD >= 0) {
      for (let j = 0; j < nOut; j++) out[j] += a * W[rowA + j] + b * W[rowB + j] + (c * W[rowC + j] + d * W[rowD + j]);
    } else {
      for (let j = 0; j < nOut; j++) out[j] += a * W[rowA + j];
      if (rowB >= 0) for (let j = 0; j < nOut; j++) out[j] += b * W[rowB + j];
      if (rowC >= 0) for (let j = 0; j < nOut; j++) out[j] += c * W[rowC + j];
    }
  }
  return out;
}

let onPlaces = new Int32Array(1024); // of the outputs that are not 0, reused by every call of denseTranspose
let onValues = new Float64Array(1024);

/**
 * y W', with W of (nIn, y.length): what a hidden layer sends down, and the gradient by a dense layer's input.
 * Only outputs that are not 0 are read.
 * @param {Floats} y
 * @param {Floats} W
 * @param {number} nIn
 * @param {Floats} [out]
 * @returns {Floats}
 */
export function denseTranspose(y, W, nIn, out = new Float64Array(nIn)) {
  const n = y.length;
  if (onPlaces.length < n) {
    onPlaces = new Int32Array(n);
    onValues = new Float64Array(n);
  }
  const places = onPlaces, values = onValues;
  let on = 0;
  for (let j = 0; j < n; j++) {
    if (y[j] !== 0) {
      places[on] = j;
      values[on++] = y[j];
    }
  }
  const even = on - (on & 3);
  for (let i = 0, row = 0; i < nIn; i++, row += n) {
    let a = 0, b = 0, c = 0, d = 0;
    for (let k = 0; k < even; k += 4) {
      a += values[k] * W[row + places[k]];
      b += values[k + 1] * W[row + places[k + 1]];
      c += values[k + 2] * W[row + places[k + 2]];
      d += values[k + 3] * W[row + places[k + 3]];
    }
    for (let k = even; k < on; k++) a += values[k] * W[row + places[k]];
    out[i] = a + b + (c + d);
  }
  return out;
}

/**
 * max(x, 0) of every number.
 * @param {Floats} x
 * @param {Floats} [out]
 * @returns {Floats}
 */
export function relu(x, out = new Float64Array(x.length)) {
  for (let i = 0; i < x.length; i++) out[i] = Math.max(x[i], 0);
  return out;
}

/**
 * Maps that a convolution of `nOut` kernels makes of maps of `shape`: [nOut, rows, columns].
 * @param {MapShape} shape
 * @param {number} nOut
 * @param {Window} window
 * @returns {MapShape}
 */
export function convolvedShape(shape, nOut, window) {
  const rows = Math.floor((shape[1] + 2 * window.padding - window.rows) / window.stride) + 1;
  const columns = Math.floor((shape[2] + 2 * window.padding - window.columns) / window.stride) + 1;
  if (rows < 1 || columns < 1) throw new RangeError(`kernels do not fit maps of shape ${shape}`);
  return [nOut, rows, columns];
}

/**
 * Maps that max-pooling makes of maps of `shape`: windows that would reach beyond the border are left out.
 * @param {MapShape} shape
 * @param {number} size
 * @param {number} stride
 * @returns {MapShape}
 */
export function pooledShape(shape, size, stride) {
  return convolvedShape(shape, shape[0], {rows: size, columns: size, stride, padding: 0});
}

/**
 * What every output position of a convolution sees, beside each other: (channels * rows * columns of the window,
 * positions), zeros where the window reaches over the border.
 * @param {Floats} x
 * @param {MapShape} shape
 * @param {Window} window
 * @param {Float64Array} out
 */
function putBeside(x, shape, window, out) {
  const {stride, padding} = window, [channels, height, width] = shape;
  const [, rows, columns] = convolvedShape(shape, 1, window);
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < window.rows; i++) {
      for (let j = 0; j < window.columns; j++) {
        for (let r = 0; r < rows; r++) {
          const row = r * stride + i - padding, start = (channel * height + row) * width;
          for (let c = 0; c < columns; c++) {
            const column = c * stride + j - padding;
            out[at++] = row >= 0 && row < height && column >= 0 && column < width ? x[start + column] : 0;
          }
        }
      }
    }
  }
}

/**
 * Correlate maps x of `shape` with the kernels W (nOut, channels, rows, columns) and add bias (nOut,):
 * y[o, r, c] = bias[o] + sum_kij W[o, k, i, j] x[k, r stride + i - padding, c stride + j - padding]
 * (LeCun et al. 1998). One product of matrices: kernels times what every position sees.
 * @param {Floats} x
 * @param {MapShape} shape
 * @param {Floats} W
 * @param {Floats} bias
 * @param {Window} window
 * @param {Floats} [out]
 * @param {Float64Array} [beside] room for what the positions see, reused between calls
 * @returns {Floats}
 */
export function conv2d(x, shape, W, bias, window, out, beside) {
  const [nOut, rows, columns] = convolvedShape(shape, bias.length, window);
  const positions = rows * columns, taps = shape[0] * window.rows * window.columns, even = taps - (taps & 3);
  const y = out ?? new Float64Array(nOut * positions), seen = beside ?? new Float64Array(taps * positions);
  putBeside(x, shape, window, seen);
  for (let o = 0; o < nOut; o++) {
    const to = o * positions;
    for (let p = 0; p < positions; p++) y[to + p] = bias[o];
    let tap = o * taps, row = 0;
    for (let k = 0; k < even; k += 4, tap += 4, row += 4 * positions) {
      const a = W[tap], b = W[tap + 1], c = W[tap + 2], d = W[tap + 3];
      const rowB = row + positions, rowC = rowB + positions, rowD = rowC + positions;
      for (let p = 0; p < positions; p++) {
        y[to + p] += a * seen[row + p] + b * seen[rowB + p] + (c * seen[rowC + p] + d * seen[rowD + p]);
      }
    }
    for (let k = even; k < taps; k++, tap++, row += positions) {
      const a = W[tap];
      for (let p = 0; p < positions; p++) y[to + p] += a * seen[row + p];
    }
  }
  return y;
}

/**
 * Gradient by the input of `conv2d`: every output's gradient goes back through its kernel to what it saw.
 * @param {Floats} gy (nOut, rows, columns)
 * @param {MapShape} shape of the input
 * @param {Floats} W
 * @param {number} nOut
 * @param {Window} window
 * @param {Floats} [out]
 * @returns {Floats}
 */
export function conv2dBack(gy, shape, W, nOut, window, out = new Float64Array(shape[0] * shape[1] * shape[2])) {
  const {stride, padding} = window, [channels, height, width] = shape;
  const [, rows, columns] = convolvedShape(shape, nOut, window);
  out.fill(0);
  for (let o = 0, at = 0; o < nOut; o++) {
    for (let r = 0; r < rows; r++) {
      const top = r * stride - padding, firstRow = Math.max(0, -top), endRow = Math.min(window.rows, height - top);
      for (let c = 0; c < columns; c++) {
        const g = gy[at++];
        if (g === 0) continue;
        const left = c * stride - padding, first = Math.max(0, -left), end = Math.min(window.columns, width - left);
        for (let k = 0; k < channels; k++) {
          for (let i = firstRow; i < endRow; i++) {
            const tap = ((o * channels + k) * window.rows + i) * window.columns;
            const to = (k * height + top + i) * width + left;
            for (let j = first; j < end; j++) out[to + j] += g * W[tap + j];
          }
        }
      }
    }
  }
  return out;
}

/**
 * The largest of each window of each channel, and where it was: of equal ones the first. Those places are the
 * "switches" of Zeiler & Fergus (2014), through which the gradient goes back.
 * @param {Floats} x
 * @param {MapShape} shape
 * @param {number} size
 * @param {number} stride
 * @param {{y: Floats, argmax: Int32Array}} [out]
 * @returns {{y: Floats, argmax: Int32Array}}
 */
export function maxPool2d(x, shape, size, stride, out) {
  const [, height, width] = shape, [channels, rows, columns] = pooledShape(shape, size, stride);
  const n = channels * rows * columns;
  const {y, argmax} = out ?? {y: new Float64Array(n), argmax: new Int32Array(n)};
  for (let k = 0, at = 0; k < channels; k++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++, at++) {
        const corner = (k * height + r * stride) * width + c * stride;
        let best = x[corner], place = corner;
        for (let i = 0; i < size; i++) {
          for (let j = 0; j < size; j++) {
            const value = x[corner + i * width + j];
            if (value > best || value !== value) {
              best = value;
              place = corner + i * width + j;
            }
          }
        }
        y[at] = best;
        argmax[at] = place;
      }
    }
  }
  return {y, argmax};
}

/**
 * Gradient by the input of `maxPool2d`: all of it goes to the place of the maximum.
 * @param {Floats} gy
 * @param {Int32Array} argmax
 * @param {Floats} out of the input's size
 * @returns {Floats}
 */
export function maxPool2dBack(gy, argmax, out) {
  out.fill(0);
  for (let i = 0; i < gy.length; i++) out[argmax[i]] += gy[i];
  return out;
}

/**
 * The mean of each window of each channel; rows and columns that fill no window are left out.
 * @param {Floats} x
 * @param {MapShape} shape
 * @param {number} size
 * @param {number} stride
 * @param {Floats} y
 * @returns {Floats}
 */
export function avgPool2d(x, shape, size, stride, y) {
  const [, height, width] = shape, [channels, rows, columns] = pooledShape(shape, size, stride);
  for (let k = 0, at = 0; k < channels; k++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++, at++) {
        const corner = (k * height + r * stride) * width + c * stride;
        let sum = 0;
        for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) sum += x[corner + i * width + j];
        y[at] = sum / size ** 2;
      }
    }
  }
  return y;
}

/**
 * Gradient by the input of `avgPool2d`: spread evenly over the windows.
 * @param {Floats} gy
 * @param {MapShape} shape of the input
 * @param {number} size
 * @param {number} stride
 * @param {Floats} out of the input's size
 * @returns {Floats}
 */
export function avgPool2dBack(gy, shape, size, stride, out) {
  const [, height, width] = shape, [channels, rows, columns] = pooledShape(shape, size, stride);
  out.fill(0);
  for (let k = 0, at = 0; k < channels; k++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++, at++) {
        const corner = (k * height + r * stride) * width + c * stride, share = gy[at] / size ** 2;
        for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) out[corner + i * width + j] += share;
      }
    }
  }
  return out;
}

/**
 * Sum over each block of size x size units of each map; blocks at the lower and right border may be smaller.
 * @param {Floats} x
 * @param {MapShape} shape
 * @param {number} size
 * @param {Floats} [out]
 * @returns {Floats}
 */
export function blockSum(x, shape, size, out) {
  const [channels, height, width] = shape, rows = Math.ceil(height / size), columns = Math.ceil(width / size);
  const total = out ?? new Float64Array(channels * rows * columns);
  total.fill(0);
  for (let k = 0, at = 0; k < channels; k++) {
    for (let r = 0; r < height; r++) {
      const start = (k * rows + Math.floor(r / size)) * columns;
      for (let c = 0; c < width; c++) total[start + Math.floor(c / size)] += x[at++];
    }
  }
  return total;
}

/**
 * Copy the number of each block to all units in it: `blockSum` run backwards, to maps of `shape`.
 * @param {Floats} blocks
 * @param {MapShape} shape
 * @param {number} size
 * @param {Floats} [out]
 * @returns {Floats}
 */
export function spread(blocks, shape, size, out = new Float64Array(shape[0] * shape[1] * shape[2])) {
  const [channels, height, width] = shape, rows = Math.ceil(height / size), columns = Math.ceil(width / size);
  for (let k = 0, at = 0; k < channels; k++) {
    for (let r = 0; r < height; r++) {
      const start = (k * rows + Math.floor(r / size)) * columns;
      for (let c = 0; c < width; c++) out[at++] = blocks[start + Math.floor(c / size)];
    }
  }
  return out;
}

/**
 * Probabilistic max-pooling (Lee et al. 2009): of the n units of a block at most one is on, so that unit i is on with
 * probability exp(x_i) / (1 + sum_j exp(x_j)). The largest x of the block, or 0, is subtracted first.
 * @param {Floats} pre
 * @param {MapShape} shape
 * @param {number} size
 * @param {Floats} [out]
 * @returns {Floats}
 */
export function blockMean(pre, shape, size, out = new Float64Array(pre.length)) {
  const [channels, height, width] = shape;
  for (let k = 0; k < channels; k++) {
    for (let row = 0; row < height; row += size) {
      for (let column = 0; column < width; column += size) {
        const endRow = Math.min(row + size, height), endColumn = Math.min(column + size, width);
        let top = 0, total = 0;
        for (let r = row; r < endRow; r++) {
          for (let c = column; c < endColumn; c++) top = Math.max(top, pre[(k * height + r) * width + c]);
        }
        for (let r = row; r < endRow; r++) {
          for (let c = column; c < endColumn; c++) {
            const at = (k * height + r) * width + c;
            total += out[at] = Math.exp(pre[at] - top);
          }
        }
        total += Math.exp(-top);
        for (let r = row; r < endRow; r++) {
          for (let c = column; c < endColumn; c++) out[(k * height + r) * width + c] /= total;
        }
      }
    }
  }
  return out;
}

/**
 * @param {Floats} x
 * @returns {number}
 */
export function meanOf(x) {
  let total = 0;
  for (let i = 0; i < x.length; i++) total += x[i];
  return total / x.length;
}

/**
 * Euclidean norm.
 * @param {Floats} x
 * @returns {number}
 */
export function norm(x) {
  let total = 0;
  for (let i = 0; i < x.length; i++) total += x[i] * x[i];
  return Math.sqrt(total);
}

/**
 * Scale an image to Euclidean norm `wanted`; a zero image stays zero. Scores are taken at images of one norm, so that
 * pictures of different origin compare (evaluate/scores.py).
 * @param {Floats} x
 * @param {number} wanted
 * @param {Floats} [out] may be x
 * @returns {Floats}
 */
export function rescale(x, wanted, out = new Float64Array(x.length)) {
  const length = norm(x), factor = wanted / (length > 0 ? length : 1);
  for (let i = 0; i < x.length; i++) out[i] = x[i] * factor;
  return out;
}

/**
 * Cosine of the angle between two vectors; NaN if one of them is zero.
 * @param {Floats} a
 * @param {Floats} b
 * @returns {number}
 */
export function cosine(a, b) {
  let product = 0;
  for (let i = 0; i < a.length; i++) product += a[i] * b[i];
  return product / (norm(a) * norm(b));
}

/**
 * Share of the test images, in percent, that excite a unit less than `score`, from ascending quantiles of its
 * responses: at least this share, in steps of 100 / (Q - 1), and at most one step less than 100. NaN of NaN.
 * @param {Floats} quantiles
 * @param {number} score
 * @returns {number}
 */
export function percentile(quantiles, score) {
  if (Number.isNaN(score)) return NaN;
  let low = 0, high = quantiles.length; // bisection: `low` becomes the number of quantiles below the score
  while (low < high) {
    const middle = (low + high) >> 1;
    if (quantiles[middle] < score) low = middle + 1;
    else high = middle;
  }
  const steps = Math.max(quantiles.length - 1, 1);
  return (Math.min(Math.max(low - 1, 0), steps - 1) * 100) / steps;
}
