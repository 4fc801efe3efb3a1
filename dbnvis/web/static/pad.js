// The drawing pad: strokes by mouse, finger or pen, kept as lines so that they can be undone and drawn at any size.

import {context} from "./dom.js";
import {borderMedian, toColours, toInput} from "./preprocess.js";

/** Side of the small copy of the drawing that is read back: five pixels for each of a digit's. */
export const COPY = 140;

/** @typedef {{width: number, points: [number, number][]}} Stroke  in shares of the pad's side */

/** Light strokes on a dark ground, or dark ones on a light ground; a picture may lie below them. */
export class Pad {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => void} changed called after every change
   */
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.pen = context(canvas);
    this.copy = document.createElement("canvas");
    this.copy.width = this.copy.height = COPY;
    this.reader = context(this.copy, {willReadFrequently: true});
    /** @type {Stroke[]} */
    this.strokes = [];
    /** @type {CanvasImageSource | null} */
    this.picture = null;
    this.replaceable = false; // the picture goes with the first stroke
    this.ground = "#000"; // around and behind the picture
    this.inverted = false;
    this.coloured = false; // the network sees colours
    this.width = 9 / 112;
    /** @type {number | null} */
    this.pointer = null;
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => {
        this.pointer = null;
      });
    }
    this.draw();
  }

  /** @param {PointerEvent} event */
  begin(event) {
    if (event.button !== 0 || this.pointer !== null) return; // a second finger does not draw
    event.preventDefault();
    this.canvas.focus({preventScroll: true});
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    if (this.replaceable && this.strokes.length === 0) this.picture = null;
    this.strokes.push({width: this.width, points: [this.place(event)]});
    this.draw();
    this.changed();
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (this.pointer !== event.pointerId) return;
    const {points} = this.strokes[this.strokes.length - 1];
    const between = event.getCoalescedEvents?.() ?? [];
    for (const one of between.length > 0 ? between : [event]) points.push(this.place(one));
    this.draw();
    this.changed();
  }

  /**
   * @param {PointerEvent} event
   * @returns {[number, number]}
   */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  /** Take the last stroke back; without one, the picture. */
  undo() {
    if (this.strokes.pop() === undefined) this.picture = null;
    this.draw();
    this.changed();
  }

  clear() {
    this.strokes = [];
    this.picture = null;
    this.draw();
    this.changed();
  }

  /** Exchange black and white. */
  invert() {
    this.inverted = !this.inverted;
    this.draw();
    this.changed();
  }

  /**
   * Put a picture on the pad, as large as it fits, in place of what is there.
   * @param {CanvasImageSource} picture
   * @param {{replaceable?: boolean}} [options] replaceable: the first stroke begins a new drawing
   */
  show(picture, {replaceable = false} = {}) {
    this.picture = picture;
    this.replaceable = replaceable;
    this.ground = groundOf(picture, this.coloured);
    this.strokes = [];
    this.draw();
    this.changed();
  }

  /** Keep what a camera shows now as a picture. */
  keep() {
    if (!(this.picture instanceof HTMLVideoElement)) return;
    const still = document.createElement("canvas"), {videoWidth, videoHeight} = this.picture;
    still.width = still.height = Math.min(videoWidth, videoHeight);
    fitted(context(still), this.picture, still.width);
    this.picture = still;
  }

  get empty() {
    return this.strokes.length === 0 && this.picture === null;
  }

  draw() {
    this.drawOn(this.pen, this.canvas.width);
    this.drawOn(this.reader, COPY);
  }

  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {number} side
   */
  drawOn(pen, side) {
    pen.globalCompositeOperation = "source-over";
    pen.fillStyle = this.picture ? this.ground : "#000";
    pen.fillRect(0, 0, side, side);
    if (this.picture) fitted(pen, this.picture, side);
    pen.strokeStyle = "#fff";
    pen.lineCap = pen.lineJoin = "round";
    for (const {width, points} of this.strokes) {
      pen.lineWidth = width * side;
      pen.beginPath();
      pen.moveTo(points[0][0] * side, points[0][1] * side);
      for (const [x, y] of points) pen.lineTo(x * side, y * side);
      pen.stroke();
    }
    if (!this.inverted) return;
    pen.globalCompositeOperation = "difference"; // white less what is there
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, side, side);
  }

  /**
   * Grey pixels (COPY, COPY) in [0, 1] of what is drawn.
   * @returns {Float32Array}
   */
  pixels() {
    return toInput(this.reader.getImageData(0, 0, COPY, COPY).data);
  }

  /**
   * Three planes (COPY, COPY) in [0, 1] of what is drawn: red, green and blue.
   * @returns {Float32Array}
   */
  colours() {
    return toColours(this.reader.getImageData(0, 0, COPY, COPY).data);
  }
}

/**
 * The grey, or the colour, of a picture's border, so that what is around it does not count as ink.
 * @param {CanvasImageSource} picture
 * @param {boolean} coloured
 * @returns {string}
 */
function groundOf(picture, coloured) {
  const small = document.createElement("canvas"), side = 64;
  small.width = small.height = side;
  const pen = context(small, {willReadFrequently: true});
  pen.drawImage(picture, 0, 0, side, side);
  const {data} = pen.getImageData(0, 0, side, side), n = side * side, planes = coloured ? toColours(data) : toInput(data);
  const [red, green, blue] = [0, 1, 2].map((c) => {
    const plane = coloured ? planes.subarray(c * n, (c + 1) * n) : planes;
    return Math.round(255 * borderMedian(plane, [side, side]));
  });
  return `rgb(${red}, ${green}, ${blue})`;
}

/**
 * Draw a picture in the middle, its proportions kept; of a camera's the middle square.
 * @param {CanvasRenderingContext2D} pen
 * @param {CanvasImageSource} picture
 * @param {number} side
 */
function fitted(pen, picture, side) {
  const {width, height} = sizeOfPicture(picture);
  const scale = side / (picture instanceof HTMLVideoElement ? Math.min(width, height) : Math.max(width, height));
  pen.imageSmoothingEnabled = scale < 2;
  pen.imageSmoothingQuality = "high";
  const w = width * scale, h = height * scale;
  pen.drawImage(picture, (side - w) / 2, (side - h) / 2, w, h);
}

/**
 * @param {CanvasImageSource} picture
 * @returns {{width: number, height: number}}
 */
export function sizeOfPicture(picture) {
  if (picture instanceof HTMLVideoElement) return {width: picture.videoWidth, height: picture.videoHeight};
  const {width, height} = /** @type {{width: number, height: number}} */ (picture);
  return {width, height};
}
