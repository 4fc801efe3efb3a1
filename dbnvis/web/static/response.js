// How strongly a unit responds now, beside how strongly it responds to test images.

import {context, element, shareText} from "./dom.js";

/** @typedef {import("./maths.js").Floats} Floats */

const BINS = 30;

/** A histogram of a unit's responses to test images, with a line where it is now. */
export class ResponseChart {
  constructor() {
    this.canvas = element("canvas", {className: "chart", width: 600, height: 150, role: "img"});
    this.text = element("p", {className: "small"});
    this.root = element("div", {}, this.canvas, this.text);
    /** @type {number[]} */
    this.counts = [];
    this.low = 0;
    this.high = 1;
  }

  /**
   * @param {ArrayLike<number> | null} quantiles ascending, equally spaced; null: not known
   */
  setQuantiles(quantiles) {
    this.counts = new Array(BINS).fill(0);
    this.known = quantiles !== null;
    if (!quantiles) return;
    this.low = quantiles[0];
    this.high = quantiles[quantiles.length - 1];
    if (this.high - this.low < 1e-6) this.high = this.low + 1e-6;
    // Between two neighbouring quantiles lies the same share of the images, spread evenly.
    for (let q = 0; q + 1 < quantiles.length; q++) {
      const from = this.bin(quantiles[q]), to = this.bin(quantiles[q + 1]), width = Math.max(to - from, 1e-9);
      for (let b = Math.floor(from); b <= Math.min(Math.floor(to), BINS - 1); b++) {
        this.counts[b] += (Math.min(to, b + 1) - Math.max(from, b) || (from === to ? 1 : 0)) / width;
      }
    }
  }

  /** @param {number} x */
  bin(x) {
    return (BINS * (x - this.low)) / (this.high - this.low);
  }

  /**
   * @param {number} score of the input rescaled to the test images' norm; NaN: none
   * @param {number} percent of test images that excite the unit less
   * @param {string} dataset
   */
  paint(score, percent, dataset) {
    const {canvas, counts} = this, pen = context(canvas), {width, height} = canvas, styles = getComputedStyle(canvas);
    pen.clearRect(0, 0, width, height);
    if (!this.known) {
      this.text.textContent = "How this unit responds to test images is not known.";
      return;
    }
    const span = this.high - this.low, low = Math.min(this.low, score), high = Math.max(this.high, score);
    const left = Number.isNaN(score) ? this.low : low - 0.04 * span, right = Number.isNaN(score) ? this.high : high + 0.04 * span;
    const x = (/** @type {number} */ value) => (width * (value - left)) / (right - left);
    const tallest = Math.max(...counts, 1e-9), ground = height - 26;
    pen.fillStyle = styles.getPropertyValue("--quiet");
    for (let b = 0; b < BINS; b++) {
      const from = x(this.low + (b * span) / BINS), to = x(this.low + ((b + 1) * span) / BINS);
      const tall = (ground - 8) * (counts[b] / tallest);
      pen.fillRect(from, ground - tall, Math.max(to - from - 1, 1), tall);
    }
    pen.fillStyle = styles.getPropertyValue("--ink");
    pen.font = "20px system-ui, sans-serif";
    pen.textAlign = "left";
    pen.fillText(this.low.toFixed(1), Math.max(x(this.low), 2), height - 4);
    pen.textAlign = "right";
    pen.fillText(this.high.toFixed(1), Math.min(x(this.high), width - 2), height - 4);
    if (Number.isNaN(score)) {
      this.text.textContent = "The input is empty, so it has no direction to compare.";
      return;
    }
    pen.fillStyle = styles.getPropertyValue("--accent");
    pen.fillRect(x(score) - 2, 2, 4, ground);
    const above = Number.isNaN(percent) ? "" : ` It is above ${shareText(percent)} % of them.`;
    this.text.textContent = `Grey: responses to ${dataset} test images. Orange: this input, ${score.toFixed(1)}.${above} ` +
      "Response: the pre-activation (the sum that enters the unit), all images rescaled to the same norm.";
    canvas.setAttribute("aria-label", `Histogram of responses from ${this.low.toFixed(1)} to ${this.high.toFixed(1)}; now ${score.toFixed(1)}`);
  }
}
