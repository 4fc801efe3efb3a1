// The images that the page carries: to start from, and to compare an input with, as the network sees both.

import {cosine} from "./maths.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {{dataset: string, part: string, shape: number[], n: number, images: string, labels: string | null, classes?: string[] | null, range: [number, number]}} PoolHeader */

/** The embedded images. */
export class Pool {
  /**
   * @param {PoolHeader} header
   * @param {import("./decode.js").Blobs} blobs
   */
  constructor(header, blobs) {
    this.header = header;
    this.n = header.n;
    this.bytes = blobs.get(header.images);
    this.labels = header.labels ? blobs.get(header.labels) : null;
    this.size = header.shape.reduce((a, b) => a * b, 1);
    /** @type {Map<string, Float32Array[]>} codes by model, as far as they are made */
    this.codes = new Map();
  }

  /**
   * Pixels of an image.
   * @param {number} index
   * @returns {Float32Array}
   */
  image(index) {
    const [low, high] = this.header.range;
    return Float32Array.from(this.bytes.subarray(index * this.size, (index + 1) * this.size), (byte) => low + ((high - low) * byte) / 255);
  }

  /** @param {number} index */
  label(index) {
    if (!this.labels) return "an image";
    const label = this.labels[index];
    return this.header.classes?.[label] ?? `a ${label}`;
  }

  /**
   * Pass more images up, for as long as the time allows.
   * @param {Model} model
   * @param {string} layer
   * @param {number} until performance.now() at which to stop
   * @returns {boolean} whether all are done
   */
  encode(model, layer, until) {
    const codes = this.codes.get(model.id) ?? [];
    this.codes.set(model.id, codes);
    while (codes.length < this.n && performance.now() < until) {
      codes.push(Float32Array.from(model.forward(this.image(codes.length)).get(layer) ?? []));
    }
    return codes.length === this.n;
  }

  /**
   * The images whose code is nearest to that of the last pass up, by cosine; [] until all are encoded.
   * @param {Model} model
   * @param {string} layer
   * @param {number} n
   * @returns {number[]}
   */
  nearest(model, layer, n) {
    const codes = this.codes.get(model.id) ?? [], code = model.activations.get(layer);
    if (codes.length < this.n || !code) return [];
    const alike = codes.map((other, index) => ({index, cosine: cosine(other, code)}));
    return alike.sort((a, b) => b.cosine - a.cosine).slice(0, n).map(({index}) => index);
  }
}
