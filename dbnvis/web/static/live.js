// The page: it reads the models, and answers every stroke with all layers of the network.

import {actionsOf} from "./actions.js";
import {Camera, pictureIn, readPicture} from "./camera.js";
import {inflateBlobs, readHeader} from "./decode.js";
import {byId, datasetName, element, paintGrey} from "./dom.js";
import {bindActions, keyTable} from "./keys.js";
import {LayerView, PLAIN} from "./layers.js";
import {norm, rescale} from "./maths.js";
import {Model, parseUnit, unitName} from "./model.js";
import {COPY, Pad} from "./pad.js";
import {Pool} from "./pool.js";
import {centerDigit, fitColours, fitPicture, isBlank, lightGround} from "./preprocess.js";
import {download, picture, readHash, writeHash} from "./save.js";
import {LEGEND, helpWords, provenance} from "./texts.js";
import {Atlas} from "./tiles.js";
import {UnitPanel} from "./unit.js";

const GAINS = [1, 2, 4, 0.5];
const NEAREST = 6;
const HEAD = 48; // CSS pixels of a layer's heading and of the space below it

/** The page, once its models are read. */
export class Live {
  /**
   * @param {import("./decode.js").Header} header
   * @param {import("./decode.js").Blobs} blobs
   */
  constructor(header, blobs) {
    this.header = header;
    this.models = header.models.map((model) => Model.from(model, blobs));
    /** The same models with memory of their own, for passes up that are not shown. */
    this.asides = header.models.map((model) => Model.from(model, blobs));
    this.atlases = this.models.map((model) => new Atlas(model));
    this.pool = header.pool ? new Pool(header.pool, blobs) : null;
    this.current = 0;
    this.layer = this.model.layerNames[this.model.layerNames.length - 1];
    this.index = 0;
    this.view = PLAIN;
    this.pictureView = PLAIN;
    this.image = -1; // of the pool; -1: a drawing
    this.gain = 0;
    this.zoom = false;
    this.frozen = false;
    /** @type {Float32Array | null} */
    this.waiting = null; // what was drawn while frozen
    this.dirty = true;
    this.dark = matchMedia("(prefers-color-scheme: dark)").matches;
    /** @type {LayerView[]} */
    this.views = [];
    /** @type {Float32Array} */
    this.x = new Float32Array(0);
    this.scaled = new Float64Array(0);
    this.moved = 0;
    this.turn = 0; // of setModel: a later one leaves earlier ones unfinished
    this.compared = -1; // the input, by when it came, whose neighbours are shown
    this.last = performance.now();
    this.pad = new Pad(byId("pad", HTMLCanvasElement), () => this.drawn());
    this.camera = new Camera(byId("video", HTMLVideoElement));
    this.panel = new UnitPanel(byId("unit", HTMLElement), (layer, unit) => this.choose(layer, unit));
    this.actions = actionsOf(this);
    this.buttons = bindActions(this.actions, {top: byId("actions", HTMLElement), pad: byId("padbuttons", HTMLElement)});
    byId("helptext", HTMLElement).append(...helpWords(), keyTable(this.actions));
    this.bind();
  }

  get model() {
    return this.models[this.current];
  }

  get aside() {
    return this.asides[this.current];
  }

  get atlas() {
    return this.atlases[this.current];
  }

  // --- the controls

  /**
   * Choose the unit some rows down, or up; the last row that there is.
   * @param {number} by
   */
  moveRows(by) {
    const columns = this.viewOf(this.layer)?.columns ?? 1, [units] = this.model.layerShape(this.layer);
    let index = this.index + by * columns;
    while (index < 0 || index >= units) index -= Math.sign(by) * columns;
    this.choose(this.layer, index);
  }

  bind() {
    const models = byId("model", HTMLSelectElement), views = byId("view", HTMLSelectElement);
    models.append(...this.header.models.map(({name}, i) => element("option", {value: String(i)}, name)));
    models.addEventListener("change", () => void this.setModel(Number(models.value)));
    views.addEventListener("change", () => void this.setView(views.value));
    for (const select of [models, views]) select.addEventListener("change", () => select.blur()); // keys work again
    const brush = byId("brush", HTMLInputElement);
    brush.addEventListener("input", () => {
      this.pad.width = Number(brush.value) / 112;
    });
    byId("center", HTMLInputElement).addEventListener("change", () => this.image < 0 && this.drawn());
    const file = byId("file", HTMLInputElement);
    file.addEventListener("change", () => {
      void this.open(file.files?.[0] ?? null);
      file.value = "";
    });
    document.addEventListener("paste", (event) => void this.open(pictureIn(event.clipboardData)));
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      void this.open(pictureIn(event.dataTransfer));
    });
    for (const tab of document.querySelectorAll("[data-tab]")) {
      if (tab instanceof HTMLButtonElement) tab.addEventListener("click", () => this.setTab(tab.dataset.tab ?? "draw"));
    }
    addEventListener("hashchange", () => void this.fromHash());
    addEventListener("resize", () => void this.arrange());
    byId("notes", HTMLElement).append(...this.header.notes.map((note) => element("p", {}, note)), provenance(this.header));
  }

  toggleChain() {
    if (this.panel.chain.possible) this.panel.chain.toggle();
    else this.say("There is no chain: this network has no p(v | h), so nothing can be sampled from it.");
  }

  toggleHelp() {
    const help = byId("help", HTMLDialogElement);
    if (help.open) help.close();
    else help.showModal();
  }

  /**
   * @param {string} id
   * @param {boolean} on
   */
  toggle(id, on) {
    this.buttons.get(id)?.setAttribute("aria-pressed", String(on));
    this.dirty = true;
  }

  /** @param {string} words */
  say(words) {
    const {broken} = this.model, warning = `Weights of ${broken.join(", ")} are not finite numbers: what is shown means nothing. `;
    byId("message", HTMLElement).textContent = (broken.length > 0 ? warning : "") + words;
  }

  // --- the input

  clear() {
    this.stopCamera();
    this.pad.inverted = false;
    this.pad.clear();
  }

  /** Stop the camera, whose last picture stays. */
  stopCamera() {
    if (!this.camera.on) return;
    this.pad.keep();
    this.camera.stop();
    this.toggle("camera", false);
  }

  /** The pad has changed: normalize what is on it. */
  drawn() {
    const size = this.model.inputShape.slice(-2), pixels = this.pad.pixels(), from = /** @type {[number, number]} */ ([COPY, COPY]);
    if (this.image >= 0 && (this.pad.strokes.length > 0 || this.pad.inverted || this.pad.picture === null)) {
      this.image = -1;
      this.remember();
    }
    const center = byId("center", HTMLInputElement).checked && this.image < 0; // the page's images are centred already
    byId("padhint", HTMLElement).hidden = !this.pad.empty || this.pad.inverted;
    const to = /** @type {[number, number]} */ ([size[0], size[1]]);
    const digit = center && !isBlank(pixels) ? centerDigit(pixels, from, to) : null;
    if (this.coloured) return this.setInput(fitColours(this.pad.colours(), from, to));
    this.setInput(digit ?? fitPicture(pixels, from, to));
    this.say(lightGround(pixels, from) && !this.pad.empty ? "Dark ink on light ground: these networks saw light digits on black. Invert (v) exchanges them." : "");
  }

  /** Whether the network sees red, green and blue. */
  get coloured() {
    const {inputShape} = this.model;
    return inputShape.length === 3 && inputShape[0] === 3;
  }

  /**
   * @param {Float32Array} pixels in [0, 1]; grey ones are all that each channel has
   */
  setInput(pixels) {
    const {input_range: range} = this.model.header, [low, high] = range ?? [0, 1];
    const x = new Float32Array(this.model.input.length);
    for (let i = 0; i < x.length; i++) x[i] = low + (high - low) * pixels[i % pixels.length];
    if (this.frozen) this.waiting = x;
    else this.x = x;
    this.dirty = true;
    this.moved = performance.now();
  }

  /** @param {number} index of the pool, which is a ring */
  showImage(index) {
    const {pool} = this;
    if (!pool) return this.say("This page carries no images.");
    this.stopCamera();
    this.image = Number.isSafeInteger(index) ? ((index % pool.n) + pool.n) % pool.n : 0;
    const canvas = document.createElement("canvas"), pixels = pool.image(this.image);
    paintGrey(canvas, pixels, pool.header.shape.slice(-2), pool.header.range);
    this.pad.inverted = false;
    this.pad.show(canvas, {replaceable: true}); // by the first stroke
    this.setInput(pixels); // the pixels themselves: it is normalized already
    this.say("");
    this.remember();
  }

  async toggleCamera() {
    if (this.camera.on) return this.stopCamera();
    try {
      await this.camera.start();
      this.image = -1;
      this.toggle("camera", true);
      this.say("The camera's pictures stay in this page.");
    } catch (error) {
      this.say(words(error));
    }
  }

  /** @param {File | null} file */
  async open(file) {
    if (!file) return this.say("There is no picture in it.");
    try {
      const picture = await readPicture(file);
      this.image = -1;
      this.stopCamera();
      this.pad.inverted = false;
      this.pad.show(picture);
      if (isBlank(this.pad.pixels())) this.say("This picture is almost one grey: there is nothing on it to see.");
    } catch (error) {
      this.say(words(error));
    }
  }

  // --- what is shown

  /** @param {number} which */
  async setModel(which) {
    this.current = which;
    byId("model", HTMLSelectElement).value = String(which);
    const turn = ++this.turn, {model, atlas} = this, root = byId("layers", HTMLElement);
    this.compared = -1;
    this.say("");
    this.scaled = new Float64Array(model.input.length);
    this.pad.coloured = this.coloured;
    Object.assign(byId("center", HTMLInputElement), {disabled: this.coloured, title: this.coloured ? "Pictures in colour are taken whole" : ""});
    this.views = model.layers.map((layer) => new LayerView(model, atlas, layer, (name, unit) => this.choose(name, unit)));
    root.replaceChildren(...this.views.map(({root: view}) => view).reverse(), element("p", {className: "small"}, LEGEND)); // the top layer above
    const pictured = atlas.methods.filter(({layers}) => Object.values(layers).some(({sheet, units}) => sheet && !units));
    const views = byId("view", HTMLSelectElement);
    views.replaceChildren(...pictured.map(({key, title}) => element("option", {value: key}, title)), element("option", {value: PLAIN}, "plain activation"));
    this.pictureView = pictured.length > 0 ? pictured[0].key : PLAIN;
    this.view = this.pictureView;
    this.makeBars();
    if (this.x.length !== model.input.length) {
      if (this.pool && this.pool.size === model.input.length) this.showImage(Math.max(this.image, 0));
      else this.drawn();
    }
    const top = model.layerNames[model.layerNames.length - 1];
    this.layer = top;
    await this.setView(this.view);
    if (turn !== this.turn) return;
    this.choose(top, Math.min(17, model.layerShape(top)[0] - 1) % model.layerShape(top)[0]);
  }

  /** @param {string} view */
  async setView(view) {
    if (view !== PLAIN) this.pictureView = view;
    this.view = view;
    byId("view", HTMLSelectElement).value = view;
    this.toggle("overlay", view !== PLAIN);
    await this.arrange();
    this.remember();
  }

  /** @param {boolean} on */
  setZoom(on) {
    this.zoom = on;
    this.toggle("zoom", on);
    void this.arrange();
  }

  /**
   * Keep the input that the network sees, whatever is drawn; then take what has been drawn.
   * @param {boolean} on
   */
  freeze(on) {
    this.frozen = on;
    if (!on && this.waiting) this.x = this.waiting;
    this.waiting = null;
    this.toggle("freeze", on);
  }

  setGain() {
    this.gain = (this.gain + 1) % GAINS.length;
    const button = this.buttons.get("gain");
    if (button) button.textContent = `Gain ×${GAINS[this.gain]}`;
    this.dirty = true;
  }

  /** @param {boolean} dark */
  setTheme(dark) {
    this.dark = dark;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    this.dirty = true;
  }

  /** @param {string} tab */
  setTab(tab) {
    byId("main", HTMLElement).dataset.tab = tab;
    for (const button of document.querySelectorAll("nav [data-tab]")) button.setAttribute("aria-pressed", String(button instanceof HTMLElement && button.dataset.tab === tab));
    void this.arrange();
  }

  async arrange() {
    const width = byId("layers", HTMLElement).clientWidth;
    const height = Math.max(innerHeight - byId("layers", HTMLElement).getBoundingClientRect().top - scrollY, 300);
    const area = width * (height / this.views.length - HEAD); // of each layer, so that all can be seen at once
    if (width > 0) await Promise.all(this.views.map((view) => view.arrange(width, area, this.view, this.zoom)));
    this.dirty = true;
  }

  /** @param {string} layer */
  viewOf(layer) {
    return this.views.find(({name}) => name === layer);
  }

  /** @param {number} by */
  changeLayer(by) {
    const {layerNames} = this.model, at = layerNames.indexOf(this.layer) + by;
    if (at >= 0 && at < layerNames.length) this.choose(layerNames[at], this.index);
  }

  /**
   * Choose a unit; a number beyond the layer's ends chooses its last or first one.
   * @param {string} layer
   * @param {number} index
   */
  choose(layer, index) {
    const [units] = this.model.layerShape(layer);
    if (index >= units && layer === this.layer) index = units - 1;
    this.say("");
    this.layer = layer;
    this.index = Math.max(0, Math.min(units - 1, index));
    for (const view of this.views) {
      view.selected = view.name === layer ? this.index : -1;
      view.stage.tabIndex = view.name === layer ? 0 : -1; // one stop of the tab key
      view.mark();
    }
    if (this.views.length > 0) this.viewOf(layer)?.cell.scrollIntoView({block: "nearest"});
    byId("unittab", HTMLElement).textContent = `Unit ${layer}:${this.index}`;
    void this.panel.show(this.model, this.atlas, layer, this.index).then(() => {
      this.dirty = true;
    });
    this.remember();
  }

  makeBars() {
    const {classes} = this.model.header;
    byId("classes", HTMLElement).hidden = !classes;
    this.bars = (classes ?? []).map((name) => {
      const fill = element("span", {className: "fill"}), number = element("span", {className: "number"});
      return {fill, number, row: element("li", {}, element("b", {}, name), element("span", {className: "track"}, fill), number)};
    });
    byId("bars", HTMLElement).classList.toggle("named", (classes ?? []).some((name) => name.length > 2));
    byId("bars", HTMLElement).replaceChildren(...this.bars.map(({row}) => row));
  }

  // --- the loop

  /** @param {number} now */
  frame(now) {
    requestAnimationFrame((time) => this.frame(time));
    const elapsed = now - this.last;
    this.last = now;
    if (this.camera.on && this.camera.video.readyState >= 2) {
      this.pad.picture = this.camera.video;
      this.pad.draw();
      this.drawn();
    }
    if (this.dirty) this.update();
    else if (this.pool && now - this.moved > 300) this.compare();
    this.panel.chain.step(elapsed);
  }

  /** Pass the input up and paint everything that follows from it. */
  update() {
    this.dirty = false;
    const {model, panel, x} = this;
    const {score, percent} = this.measure();
    const activations = model.forward(x);
    for (const view of this.views) view.paint(GAINS[this.gain]);
    this.paintInput();
    const last = activations.get(model.layerNames[model.layerNames.length - 1]);
    this.bars?.forEach(({fill, number}, i) => {
      const p = last?.[i] ?? 0;
      fill.style.transform = `scaleX(${p})`;
      number.textContent = p >= 1 ? "100 %" : `${(Math.floor(1000 * p) / 10).toFixed(1)} %`; // 99.96 is not 100
    });
    const sentence = panel.paint(score, percent, this.rank());
    byId("sentence", HTMLElement).textContent = sentence;
    performance.mark("painted");
  }

  /** The response of the chosen unit to the input at the test images' norm, and the share of them that it exceeds. */
  measure() {
    const {aside, x, scaled} = this, {input_norm: wanted} = aside.header;
    if (!(norm(x) > 0) || wanted === null) return {score: NaN, percent: NaN};
    aside.forward(rescale(x, wanted, scaled));
    const unit = {layer: this.layer, index: this.index, position: null}, score = aside.preActivationOf(unit);
    return {score, percent: aside.percentile(unit, score)};
  }

  /** Which place the chosen unit has among those of its layer, by what is outlined. */
  rank() {
    const view = this.viewOf(this.layer);
    if (!view) return NaN;
    const strength = (/** @type {number} */ unit) => (view.maps.length > 0 ? view.strength(unit) : this.model.preActivation(this.layer)[unit]);
    const own = strength(this.index);
    let rank = 1;
    for (let unit = 0; unit < view.units; unit++) if (strength(unit) > own) rank++;
    return rank;
  }

  paintInput() {
    const {model} = this, {input_range: range} = model.header;
    paintGrey(byId("input", HTMLCanvasElement), model.input, model.inputShape.slice(-2), range ?? [-3, 3]);
    const what = this.image >= 0 && this.pool ? `${datasetName(this.pool.header.dataset)} ${this.pool.header.part} image ${this.image}, ${this.pool.label(this.image)}` : this.camera.on ? "the camera's picture" : this.pad.empty ? "an empty picture" : "your drawing";
    byId("inputtext", HTMLElement).textContent = `What the network sees: ${what}.`;
  }

  /** While nothing moves: encode the page's images, then show those nearest to the input. */
  compare() {
    const {pool, model} = this, layer = model.layerNames[Math.max(0, model.layerNames.length - (model.header.classes ? 2 : 1))];
    if (!pool || pool.size !== model.input.length || this.compared === this.moved) return;
    if (!pool.encode(this.aside, layer, performance.now() + 6)) return;
    this.compared = this.moved;
    const found = pool.nearest(model, layer, NEAREST);
    const strip = byId("nearest", HTMLElement);
    strip.replaceChildren(...found.map((index) => {
      const canvas = element("canvas", {className: "tile"});
      paintGrey(canvas, pool.image(index), pool.header.shape.slice(-2), pool.header.range);
      return element("button", {type: "button", className: "link", "aria-label": `image ${index}, ${pool.label(index)}`, onclick: () => this.showImage(index)}, canvas);
    }));
    byId("nearesttext", HTMLElement).textContent = `Of ${pool.n} ${datasetName(pool.header.dataset)} ${pool.header.part} images, those whose activations in ${layer} point most in the same direction (largest cosine). Click one to show it.`;
  }

  // --- state

  remember() {
    writeHash({
      model: this.model.id,
      unit: unitName({layer: this.layer, index: this.index, position: null}),
      view: this.view,
      image: this.image >= 0 ? String(this.image) : null,
    });
  }

  /** Take what the page's address says, as far as it exists here. */
  async fromHash() {
    const {model, unit, view, image} = readHash();
    const which = this.models.findIndex(({id}) => id === model);
    if (which >= 0 && which !== this.current) await this.setModel(which);
    if (view !== undefined && view !== this.view && [...byId("view", HTMLSelectElement).options].some(({value}) => value === view)) await this.setView(view);
    if (this.pool && /^\d+$/.test(image ?? "") && Number(image) !== this.image) this.showImage(Number(image));
    if (unit === undefined) return;
    try {
      const {layer, index} = this.model.unit(unit);
      if (layer !== this.layer || index !== this.index) this.choose(layer, index);
    } catch (error) {
      this.say(words(error));
    }
  }

  async save() {
    const {model} = this, name = `dbnvis-${model.id}-${this.layer}-${this.index}`;
    const unit = unitName({layer: this.layer, index: this.index, position: null});
    const {score, percent} = this.measure(), activations = this.aside.forward(this.x);
    const numbers = {
      page: "dbnvis live page", model: {id: model.id, name: model.header.name, sha256: model.header.sha256}, unit,
      image: this.image >= 0 ? this.image : null, input: [...this.x], score, percent,
      activations: Object.fromEntries(model.layerNames.map((layer) => [layer, [...(activations.get(layer) ?? [])]])),
    };
    try {
      download(new Blob([JSON.stringify(numbers)], {type: "application/json"}), `${name}.json`);
      download(await picture(byId("input", HTMLCanvasElement), [...this.views].reverse(), `${model.header.name}, ${unit}`), `${name}.png`);
      this.say(`Saved as ${name}.png and ${name}.json.`);
    } catch (error) {
      this.say(`Not saved: ${words(error)}`);
    }
  }

  async reset() {
    const help = byId("help", HTMLDialogElement);
    if (help.open) return help.close();
    this.stopCamera();
    this.freeze(false);
    this.setZoom(false);
    this.gain = GAINS.length - 1;
    this.setGain();
    if (this.panel.chain.running) this.panel.chain.toggle();
    this.pad.clear();
    if (this.pool && this.pool.size === this.model.input.length) this.showImage(0);
    await this.setModel(this.current);
  }
}

/** @param {unknown} error */
function words(error) {
  return error instanceof Error ? error.message : String(error);
}

/** Read the page, show it, and answer from then on. */
async function start() {
  const header = readHeader(document);
  const blobs = await inflateBlobs(header, (name) => document.getElementById(`blob-${name}`)?.textContent ?? "");
  const live = new Live(header, blobs);
  if (header.models.length === 0) throw new Error("this page holds no model");
  const wished = live.models.findIndex(({id}) => id === readHash().model);
  const {unit, image, view} = readHash();
  if (live.pool) live.showImage(/^\d+$/.test(image ?? "") ? Number(image) : 0);
  await live.setModel(Math.max(wished, 0));
  if (unit !== undefined || view !== undefined) {
    writeHash({model: live.model.id, unit: unit || null, view: view || null});
    await live.fromHash();
  }
  Object.assign(window, {dbnvis: live}); // for the console: dbnvis.model.activations.get("h1")
  document.documentElement.dataset.ready = "yes";
  performance.mark("ready");
  requestAnimationFrame((time) => live.frame(time));
}

start().catch((error) => {
  const stop = byId("stop", HTMLElement);
  stop.textContent = `This page cannot start: ${words(error)}`;
  stop.hidden = false;
  document.documentElement.dataset.ready = "no";
});
