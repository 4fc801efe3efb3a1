// The layers as mosaics: each unit is its own picture, lit by how strongly it responds now; or its plain activation;
// channels of a convolutional layer are their maps.

import {context, element} from "./dom.js";
import {Atlas} from "./tiles.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./maths.js").Floats} Floats */

export const PLAIN = "activation"; // the view without pictures
const MARKED = 5; // brightest units of a layer that are outlined, of few units one in eight
const DARK = 0.1; // light that a picture keeps of a unit that is off

/** One layer of the model. */
export class LayerView {
  /**
   * @param {Model} model
   * @param {Atlas} atlas
   * @param {{name: string, shape: number[]}} layer
   * @param {(layer: string, unit: number) => void} choose
   */
  constructor(model, atlas, {name, shape}, choose) {
    this.model = model;
    this.atlas = atlas;
    this.name = name;
    this.units = shape[0];
    /** Rows and columns of a channel's map; empty of dense units. */
    this.maps = shape.slice(1);
    this.columns = 1;
    this.pictured = false;
    this.selected = -1;
    this.view = "";
    this.most = this.usualMost();
    this.pictures = element("canvas", {className: "pictures"});
    this.light = element("canvas", {className: "light"});
    this.cell = element("div", {role: "gridcell", id: `cell-${name}`, className: "mark chosen", hidden: true});
    this.row = element("div", {role: "row", hidden: true}, this.cell);
    this.marks = Array.from({length: Math.min(MARKED, Math.ceil(this.units / 8))}, () => element("div", {className: "mark bright", hidden: true}));
    this.stage = element("div", {
      className: "stage", role: "grid", tabIndex: -1, id: `stage-${name}`,
      "aria-label": `Layer ${name}, ${this.units} ${this.maps.length > 0 ? "channels" : "units"}`,
    }, this.pictures, this.light, ...this.marks, this.row);
    this.now = element("span", {className: "now"});
    const kind = this.maps.length > 0 ? `${this.units} channels of ${this.maps.join(" × ")}` : `${this.units} units`;
    const heading = element("h2", {}, name, element("span", {className: "small"}, ` ${kind}`));
    this.root = element("section", {className: "layer", "aria-label": `Layer ${name}`},
      element("div", {className: "layerhead"}, heading, this.now), this.stage);
    this.stage.addEventListener("click", (event) => {
      const unit = this.unitAt(event);
      if (unit < this.units) choose(name, unit); // not in the empty corner
    });
    this.stage.addEventListener("pointermove", (event) => {
      const unit = this.unitAt(event);
      this.stage.title = unit < this.units ? `${name}:${unit}, activation ${this.strength(unit).toFixed(2)}` : "";
    });
  }

  /** The activation that is painted brightest: 1 of units between 0 and 1, else the largest over test images. */
  usualMost() {
    const {type} = this.model.at(this.name);
    if (type !== "ReLU" && type !== "Identity") return 1;
    const table = this.model.header.quantiles?.[this.name];
    let most = 0;
    if (table) for (const response of this.model.floats(table)) most = Math.max(most, response);
    return most || 1;
  }

  /** CSS pixels of a tile at least: maps are pictures, of many units each gets less. */
  get leastSize() {
    if (this.maps.length > 0) return 62;
    return this.units > 400 ? 15 : this.units > 150 ? 22 : 32;
  }

  /** @param {MouseEvent} event */
  unitAt(event) {
    const box = this.stage.getBoundingClientRect(), size = box.width / this.columns;
    const row = Math.floor((event.clientY - box.top) / size), column = Math.floor((event.clientX - box.left) / size);
    return row * this.columns + Math.min(column, this.columns - 1);
  }

  get rows() {
    return Math.ceil(this.units / this.columns);
  }

  /**
   * Lay the tiles out for a width, in the pictures of a method or as plain activations.
   * @param {number} width CSS pixels
   * @param {number} area CSS pixels that the layer may take, if its tiles are large enough so
   * @param {string} view key of a method, or PLAIN
   * @param {boolean} zoom
   */
  async arrange(width, area, view, zoom) {
    const filling = Math.min(0.96 * Math.sqrt(area / this.units), this.maps.length > 0 ? 110 : 72);
    const oneRow = width / this.units; // of few units: all stand in one row
    const size = (oneRow >= this.leastSize ? Math.min(filling, oneRow) : Math.max(filling, this.leastSize)) * (zoom ? 2 : 1);
    this.columns = Math.max(1, Math.min(this.units, Math.floor(width / size)));
    this.view = view;
    const {columns, rows, stage} = this;
    stage.style.aspectRatio = `${columns} / ${rows}`;
    stage.style.maxWidth = `${columns * size * 1.25}px`;
    stage.setAttribute("aria-colcount", String(columns));
    stage.setAttribute("aria-rowcount", String(rows));
    const [high, wide] = this.maps.length > 0 ? this.maps.map((side) => side + 2) : [1, 1];
    Object.assign(this.light, {width: columns * wide, height: rows * high});
    this.image = context(this.light).createImageData(this.light.width, this.light.height);
    await this.drawPictures();
    this.mark();
  }

  async drawPictures() {
    const {atlas, name, view, columns, rows, pictures} = this, header = atlas.method(view)?.layers[name];
    const sheet = this.maps.length > 0 || !header ? null : await atlas.sheet(view, name);
    if (this.view !== view) return; // another view was chosen in the meantime
    this.pictured = sheet !== null;
    if (!header || !sheet) {
      Object.assign(pictures, {width: 1, height: 1});
      return;
    }
    const [high, wide] = header.tile;
    Object.assign(pictures, {width: columns * wide, height: rows * high});
    const pen = context(pictures);
    for (let unit = 0; unit < this.units; unit++) {
      const x = (unit % columns) * wide, y = Math.floor(unit / columns) * high;
      if (!Atlas.draw(pen, sheet, header, unit, [x, y, wide, high])) {
        pen.strokeStyle = "#808080"; // crossed out: there is no picture
        pen.strokeRect(x + 2, y + 2, wide - 4, high - 4);
        pen.beginPath();
        pen.moveTo(x + 2, y + 2);
        pen.lineTo(x + wide - 2, y + high - 2);
        pen.stroke();
      }
    }
  }

  /**
   * Activation of a unit, of a channel the highest of its map.
   * @param {number} unit
   * @returns {number}
   */
  strength(unit) {
    const y = this.model.activations.get(this.name);
    if (!y || unit < 0 || unit >= this.units) return NaN;
    if (this.maps.length === 0) return y[unit];
    const n = this.maps[0] * this.maps[1];
    let most = -Infinity;
    for (let i = unit * n; i < (unit + 1) * n; i++) most = Math.max(most, y[i]);
    return most;
  }

  /**
   * Light every tile by the activation of the last pass up.
   * @param {number} gain
   */
  paint(gain) {
    const y = this.model.activations.get(this.name), {image} = this;
    if (!y || !image) return;
    if (this.maps.length > 0) this.paintMaps(y, gain, image);
    else this.paintUnits(y, gain, image);
    context(this.light).putImageData(image, 0, 0);
    this.markBrightest();
  }

  /**
   * @param {Floats} y
   * @param {number} gain
   * @param {ImageData} image
   */
  paintUnits(y, gain, {data}) {
    const scale = gain / this.most, {pictured} = this;
    for (let i = 0; i < y.length; i++) {
      const light = Math.min(1, Math.abs(y[i]) * scale);
      if (pictured) data[4 * i + 3] = 255 * (1 - DARK) * (1 - light); // black above the picture
      else {
        data[4 * i] = (y[i] < 0 ? 86 : 255) * light;
        data[4 * i + 1] = (y[i] < 0 ? 180 : 255) * light;
        data[4 * i + 2] = (y[i] < 0 ? 233 : 255) * light;
        data[4 * i + 3] = 255;
      }
    }
  }

  /**
   * @param {Floats} y
   * @param {number} gain
   * @param {ImageData} image
   */
  paintMaps(y, gain, {data, width}) {
    const [rows, columns] = this.maps, scale = (255 * gain) / this.most, n = rows * columns;
    for (let unit = 0; unit < this.units; unit++) {
      const top = Math.floor(unit / this.columns) * (rows + 2) + 1, left = (unit % this.columns) * (columns + 2) + 1;
      for (let r = 0; r < rows; r++) {
        let to = 4 * ((top + r) * width + left);
        for (let i = unit * n + r * columns, end = i + columns; i < end; i++, to += 4) {
          data[to] = data[to + 1] = data[to + 2] = Math.abs(y[i]) * scale;
          data[to + 3] = 255;
        }
      }
    }
  }

  /** Outline the units of highest activation. */
  markBrightest() {
    /** @type {number[]} */
    const best = [], n = this.marks.length, {name, model} = this;
    const strengths = this.maps.length > 0 ? Array.from({length: this.units}, (_, unit) => this.strength(unit)) : model.preActivation(name);
    for (let unit = 0; unit < this.units; unit++) {
      if (best.length === n && strengths[unit] <= strengths[best[n - 1]]) continue;
      let at = best.length;
      while (at > 0 && strengths[unit] > strengths[best[at - 1]]) at--;
      best.splice(at, 0, unit);
      if (best.length > n) best.pop();
    }
    best.forEach((unit, i) => this.place(this.marks[i], unit));
    this.now.textContent = `highest: ${best.slice(0, 3).join(", ")}`;
  }

  /** Outline the chosen unit. */
  mark() {
    this.place(this.cell, this.selected);
    this.row.hidden = this.selected < 0;
    if (this.selected < 0) return;
    this.row.setAttribute("aria-rowindex", String(Math.floor(this.selected / this.columns) + 1));
    this.cell.setAttribute("aria-colindex", String((this.selected % this.columns) + 1));
    this.cell.setAttribute("aria-label", `unit ${this.name}:${this.selected}`);
    this.cell.setAttribute("aria-selected", "true");
    this.stage.setAttribute("aria-activedescendant", this.cell.id);
  }

  /**
   * @param {HTMLElement} mark
   * @param {number} unit
   */
  place(mark, unit) {
    mark.hidden = unit < 0;
    const {columns, rows} = this;
    mark.style.left = `${(100 * (unit % columns)) / columns}%`;
    mark.style.top = `${(100 * Math.floor(unit / columns)) / rows}%`;
    mark.style.width = `${100 / columns}%`;
    mark.style.height = `${100 / rows}%`;
  }
}
