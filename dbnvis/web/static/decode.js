// From the page's text to arrays: the header, and blobs that are base64 of raw deflate of little-endian numbers.
// The other way round is dbnvis/web/payload.py.

/** @typedef {import("./maths.js").Floats} Floats */
/** @typedef {"float16" | "float32" | "int8" | "uint8" | "uint16" | "int32"} Dtype */
/**
 * @typedef {object} BlobHeader
 * @property {number[]} shape
 * @property {Dtype} dtype
 * @property {"deflate" | "planes+deflate" | "png"} encoding
 * @property {string | null} [scale] of int8: the blob of one number for each output, by which it is multiplied
 * @property {string} [sha256]
 */
/** @typedef {Floats | Int8Array | Uint8Array | Uint16Array | Int32Array} Decoded */
/**
 * @typedef {object} Header
 * @property {number} format
 * @property {string} title
 * @property {"full" | "mail"} size
 * @property {import("./model.js").ModelHeader[]} models
 * @property {any} pool
 * @property {Record<string, BlobHeader>} blobs
 * @property {string[]} notes
 * @property {any} provenance
 */

/** Arrays by name, and the shape of each. */
export class Blobs extends Map {
  constructor() {
    super();
    /** @type {Map<string, number[]>} */
    this.shapes = new Map();
  }
}

const BYTES = {float16: 2, float32: 4, int8: 1, uint8: 1, uint16: 2, int32: 4};

/**
 * The header of a page.
 * @param {{getElementById(id: string): {textContent: string | null} | null}} document
 * @returns {Header}
 */
export function readHeader(document) {
  const text = document.getElementById("header")?.textContent;
  if (!text) throw new Error("this page has no header; write it again with dbnvis page");
  const header = JSON.parse(text);
  if (header.format !== 1) throw new Error(`this page has format ${header.format}, its script reads format 1`);
  return header;
}

/**
 * The number whose 16 bits, as IEEE 754 half precision, are `bits`: sign, 5 bits of exponent, 10 of fraction.
 * @param {number} bits
 * @returns {number}
 */
export function halfToFloat(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/**
 * @param {string} text base64
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function bytesOf(text) {
  const characters = atob(text.trim()), bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/**
 * Undo raw deflate (RFC 1951).
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function inflateRaw(bytes) {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser is too old for this page: it has no DecompressionStream; use one of 2023 or later");
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Put the bytes of every number together again: all lowest bytes come first, then all second ones, and so on.
 * (Sorted so, the exponents of weights are neighbours and compress well.)
 * @param {Uint8Array<ArrayBuffer>} planes
 * @param {number} size bytes of a number
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function joinPlanes(planes, size) {
  const bytes = new Uint8Array(planes.length), n = planes.length / size;
  for (let plane = 0, at = 0; plane < size; plane++) {
    for (let i = 0, to = plane; i < n; i++, to += size) bytes[to] = planes[at++];
  }
  return bytes;
}

/** @type {Float32Array | null} every half-precision number by its bits, made when first needed */
let halves = null;

/**
 * Numbers of `dtype` from their bytes; integers stay integers, the rest become floats of `Kind`.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {Dtype} dtype
 * @param {Float32ArrayConstructor | Float64ArrayConstructor} Kind
 * @returns {Decoded}
 */
function numbersOf(bytes, dtype, Kind) {
  const memory = bytes.buffer;
  if (dtype === "uint8") return bytes;
  if (dtype === "int8") return new Int8Array(memory);
  if (dtype === "uint16") return new Uint16Array(memory);
  if (dtype === "int32") return new Int32Array(memory);
  if (dtype === "float32") return Kind === Float32Array ? new Float32Array(memory) : new Kind(new Float32Array(memory));
  halves ??= Float32Array.from({length: 65536}, (_, bits) => halfToFloat(bits));
  const table = halves, bits = new Uint16Array(memory), numbers = new Kind(bits.length);
  for (let i = 0; i < bits.length; i++) numbers[i] = table[bits[i]];
  return numbers;
}

/**
 * int8 times its scale: one number for each output, which is the last axis of a matrix (inputs, outputs) and the
 * first of kernels (outputs, channels, rows, columns).
 * @param {Decoded} whole
 * @param {number[]} shape
 * @param {Decoded} scale
 * @param {Float32ArrayConstructor | Float64ArrayConstructor} Kind
 * @returns {Floats}
 */
function scaled(whole, shape, scale, Kind) {
  const numbers = new Kind(whole.length), outputs = scale.length, each = whole.length / outputs;
  const kernels = shape.length === 4;
  for (let i = 0; i < numbers.length; i++) numbers[i] = whole[i] * scale[kernels ? Math.floor(i / each) : i % outputs];
  return numbers;
}

/**
 * All blobs of a page, or those of `names`, as arrays by name; of PNG sheets the bytes of the file.
 * @param {Header} header
 * @param {(name: string) => string} getBase64 the text of a blob
 * @param {{precision?: "float32" | "float64", names?: string[]}} [options]
 * @returns {Promise<Blobs>}
 */
export async function inflateBlobs(header, getBase64, {precision = "float32", names} = {}) {
  const Kind = precision === "float64" ? Float64Array : Float32Array;
  const blobs = new Blobs();
  const decode = async (/** @type {string} */ name) => {
    const {shape, dtype, encoding, scale} = blobHeader(header, name);
    const packed = bytesOf(getBase64(name));
    blobs.shapes.set(name, shape);
    if (encoding === "png") return blobs.set(name, packed);
    const raw = await inflateRaw(packed), n = shape.reduce((product, side) => product * side, 1);
    if (raw.length !== n * BYTES[dtype]) {
      throw new Error(`blob ${name} has ${raw.length} bytes, ${n} numbers of ${dtype} need ${n * BYTES[dtype]}`);
    }
    let numbers = numbersOf(encoding === "planes+deflate" ? joinPlanes(raw, BYTES[dtype]) : raw, dtype, Kind);
    if (scale) {
      if (!blobs.has(scale)) await decode(scale);
      numbers = scaled(numbers, shape, /** @type {Decoded} */ (blobs.get(scale)), Kind);
    }
    return blobs.set(name, numbers);
  };
  await Promise.all((names ?? Object.keys(header.blobs)).map(decode));
  return blobs;
}

/**
 * @param {Header} header
 * @param {string} name
 * @returns {BlobHeader}
 */
function blobHeader(header, name) {
  const found = header.blobs[name];
  if (!found) throw new Error(`the header knows no blob ${name}`);
  if (!(found.dtype in BYTES)) throw new Error(`blob ${name} has the unknown type ${found.dtype}`);
  return found;
}
