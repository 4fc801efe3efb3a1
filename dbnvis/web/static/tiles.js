// Pictures of units, which the atlas keeps as sheets of tiles, and filters of the first layer, drawn from their weights.

import {context, paintGrey} from "./dom.js";

/** @typedef {import("./model.js").Model} Model */
/**
 * @typedef {object} SheetHeader
 * @property {string} [sheet] blob
 * @property {number} columns
 * @property {number[]} tile rows, columns
 * @property {number[] | null} units of which there are tiles; null: of all
 * @property {number} per_unit
 * @property {string | null} [scores] blob
 * @property {string | null} [percentiles] blob
 * @property {Record<string, string>} [notes]
 * @property {number[]} [missing]
 * @property {{filters: string, links: string}} [links]
 */
/**
 * @typedef {object} MethodHeader
 * @property {string} key
 * @property {string} title
 * @property {string} settings
 * @property {boolean} symmetric
 * @property {string} question
 * @property {Record<string, SheetHeader>} layers
 */

/** The atlas of one model: every unit by every method. */
export class Atlas {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    /** @type {MethodHeader[]} */
    this.methods = model.header.atlas?.methods ?? [];
    /** @type {Map<string, Promise<ImageBitmap>>} */
    this.sheets = new Map();
    /** @type {Map<number, HTMLCanvasElement>} */
    this.filters = new Map();
  }

  /**
   * @param {string} key
   * @returns {MethodHeader | undefined}
   */
  method(key) {
    return this.methods.find((method) => method.key === key);
  }

  /**
   * The decoded sheet of a method and a layer.
   * @param {string} key
   * @param {string} layer
   * @returns {Promise<ImageBitmap | null>}
   */
  async sheet(key, layer) {
    const blob = this.method(key)?.layers[layer]?.sheet;
    if (!blob) return null;
    let found = this.sheets.get(blob);
    if (!found) {
      const bytes = this.model.blobs.get(blob);
      found = createImageBitmap(new Blob([bytes], {type: "image/png"}));
      this.sheets.set(blob, found);
    }
    return found;
  }

  /**
   * Number of a unit's first tile on a sheet; -1 if it has none.
   * @param {SheetHeader} header
   * @param {number} unit
   * @returns {number}
   */
  static first(header, unit) {
    if (header.missing?.includes(unit)) return -1;
    const row = header.units ? header.units.indexOf(unit) : unit;
    return row < 0 ? -1 : row * header.per_unit;
  }

  /**
   * Draw tile number `tile` of a unit into a rectangle; false if there is none.
   * @param {CanvasRenderingContext2D} pen
   * @param {ImageBitmap} sheet
   * @param {SheetHeader} header
   * @param {number} unit
   * @param {[number, number, number, number]} box x, y, width, height
   * @param {number} [tile]
   * @returns {boolean}
   */
  static draw(pen, sheet, header, unit, box, tile = 0) {
    const first = Atlas.first(header, unit);
    if (first < 0) return false;
    const [rows, columns] = header.tile, at = first + tile;
    const x = (at % header.columns) * columns, y = Math.floor(at / header.columns) * rows;
    pen.drawImage(sheet, x, y, columns, rows, ...box);
    return true;
  }

  /**
   * A number of a unit's tile: its score or percentile; NaN if there is none.
   * @param {SheetHeader} header
   * @param {"scores" | "percentiles"} what
   * @param {number} unit
   * @param {number} [tile]
   * @returns {number}
   */
  number(header, what, unit, tile = 0) {
    const name = header[what], first = Atlas.first(header, unit);
    return name && first >= 0 ? this.model.floats(name)[first + tile] : NaN;
  }

  /**
   * The filter of a first-layer unit as a picture: mid-grey is 0, scaled by its largest |weight|.
   * @param {number} unit
   * @returns {HTMLCanvasElement}
   */
  filter(unit) {
    let canvas = this.filters.get(unit);
    if (canvas) return canvas;
    canvas = document.createElement("canvas");
    const [name] = this.model.layerNames, {W, bias} = this.model.at(`${name}.pre`);
    const shape = this.model.blobs.shapes.get(this.weightName(name)) ?? [], n = bias?.length ?? 0;
    if (!W) throw new Error(`${name} has no weights`);
    const convolution = shape.length === 4;
    const size = convolution ? shape.slice(2) : this.model.inputShape.slice(-2);
    const channels = convolution ? shape[1] : this.model.inputShape.length === 3 ? this.model.inputShape[0] : 1;
    const values = Float64Array.from({length: size[0] * size[1] * (channels === 3 ? 3 : 1)}, (_, i) =>
      convolution ? W[unit * (W.length / n) + i] : W[i * n + unit]);
    const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
    paintGrey(canvas, values, size, [-most, most]);
    this.filters.set(unit, canvas);
    return canvas;
  }

  /** @param {string} layer */
  weightName(layer) {
    return this.model.header.network.find(({address}) => address === `${layer}.pre`)?.W ?? "";
  }

  /**
   * Paint a unit's own picture by a method on a canvas; of the first layer its filter if there is no picture.
   * @param {HTMLCanvasElement} canvas
   * @param {string} layer
   * @param {number} unit
   * @param {string} key
   * @param {number} [tile]
   * @returns {Promise<boolean>} whether there was anything to paint
   */
  async paint(canvas, layer, unit, key, tile = 0) {
    const header = this.method(key)?.layers[layer];
    const sheet = header ? await this.sheet(key, layer) : null;
    if (header && sheet && Atlas.first(header, unit) >= 0) {
      const [rows, columns] = header.tile;
      Object.assign(canvas, {width: columns, height: rows});
      return Atlas.draw(context(canvas), sheet, header, unit, [0, 0, columns, rows], tile);
    }
    if (layer !== this.model.layerNames[0]) return false;
    const filter = this.filter(unit);
    Object.assign(canvas, {width: filter.width, height: filter.height});
    context(canvas).drawImage(filter, 0, 0);
    return true;
  }

  /**
   * Paint a film on a canvas: the first tile in the middle, half of the others, in order, on either side.
   * @param {HTMLCanvasElement} canvas
   * @param {string} layer
   * @param {number} unit
   * @param {string} key
   */
  async paintFilm(canvas, layer, unit, key) {
    const header = this.method(key)?.layers[layer], sheet = await this.sheet(key, layer);
    if (!header || !sheet) return;
    const [rows, columns] = header.tile, n = header.per_unit, half = Math.floor(n / 2);
    Object.assign(canvas, {width: n * columns, height: rows});
    const pen = context(canvas);
    for (let i = 0; i < n; i++) {
      const tile = i < half ? i + 1 : i === half ? 0 : i;
      Atlas.draw(pen, sheet, header, unit, [i * columns, 0, columns, rows], tile);
    }
  }
}
