// The clamped Gibbs chain of the chosen unit, running live: what the model believes the input looks like.

import {ClampedChain, MIXED} from "./chain.js";
import {element, paintGrey} from "./dom.js";

/** @typedef {import("./model.js").Model} Model */

const CHAINS = 4, BURN_IN = 20, ENOUGH = 100; // sweeps that are left out of mean and R; before which R says little
const BUDGET = 12; // milliseconds of a frame that sweeps may take: drawing comes first

/** Play, pause and reset; the picture now, its running mean, R. */
export class ChainView {
  constructor() {
    this.play = element("button", {type: "button", id: "chainplay", onclick: () => this.toggle()}, "Run (g)");
    this.again = element("button", {type: "button", id: "chainreset", onclick: () => this.reset()}, "Start again");
    this.rate = element("input", {type: "range", id: "chainrate", min: "1", max: "60", value: "30", oninput: () => this.showRate()});
    this.rateText = element("span");
    this.single = element("canvas", {className: "tile", role: "img", "aria-label": "Mean of four chains now"});
    this.mean = element("canvas", {className: "tile", role: "img", "aria-label": "Running mean of the chains"});
    this.text = element("p", {className: "small", role: "status"});
    const figure = (/** @type {HTMLElement} */ canvas, /** @type {string} */ words) => element("figure", {}, canvas, element("figcaption", {}, words));
    this.root = element("div", {id: "chain"},
      element("div", {className: "buttons"}, this.play, this.again, element("label", {className: "field"}, this.rate, this.rateText)),
      element("div", {className: "strip two"}, figure(this.single, "mean of 4 chains now"), figure(this.mean, "running mean")), this.text);
    this.running = false;
    /** @type {ClampedChain | null} */
    this.chain = null;
    this.burnt = false;
    this.note = "";
    this.owed = 0;
    this.seed = 0;
    this.showRate();
  }

  showRate() {
    this.rateText.textContent = `${this.rate.value} sweeps a second`;
  }

  /**
   * Show another unit; a chain that runs goes on with the new unit.
   * @param {Model} model
   * @param {string} layer
   * @param {number} unit
   * @param {string} note what the atlas says of longer chains of this unit
   */
  of(model, layer, unit, note) {
    this.note = note;
    this.model = model;
    this.layer = layer;
    this.unit = unit;
    this.chain = null;
    this.possible = model.machines.has(layer);
    this.root.hidden = !this.possible;
    if (this.possible) this.reset();
    else if (this.running) this.toggle();
  }

  reset() {
    if (!this.model || !this.possible) return;
    this.burnt = false;
    this.chain = new ClampedChain(this.model, this.layer ?? "", this.unit ?? 0, {chains: CHAINS, seed: this.seed});
    this.paint();
  }

  toggle() {
    this.running = !this.running;
    this.owed = 0;
    this.play.textContent = this.running ? "Pause (g)" : "Run (g)";
  }

  /** One sweep of the chains, whose first ones are left out of mean and R. */
  sweep() {
    const {chain} = this;
    if (!chain) return;
    chain.sweep();
    if (this.burnt || chain.sweeps < BURN_IN) return;
    chain.forget();
    this.burnt = true;
  }

  /**
   * Sweep as often as the rate asks for, within the time that a frame can spare.
   * @param {number} elapsed milliseconds since the last frame
   * @returns {boolean} whether anything changed
   */
  step(elapsed) {
    const {chain} = this;
    if (!this.running || !chain) return false;
    this.owed = Math.min(this.owed + (Math.min(elapsed, 200) * Number(this.rate.value)) / 1000, 4);
    const begin = performance.now();
    let swept = false;
    while (this.owed >= 1 && (!swept || performance.now() - begin < BUDGET)) {
      this.sweep();
      this.owed -= 1;
      swept = true;
    }
    if (swept) this.paint();
    return swept;
  }

  paint() {
    const {chain, model} = this;
    if (!chain || !model) return;
    const size = model.inputShape.slice(-2), range = model.header.input_range ?? limits(chain.picture);
    paintGrey(this.single, chain.picture, size, range);
    const averaged = this.burnt && chain.sweeps > 0;
    this.mean.style.visibility = averaged ? "visible" : "hidden";
    if (averaged) paintGrey(this.mean, chain.mean, size, range);
    const R = chain.scaleReduction, n = chain.sweeps;
    const words = [this.burnt ? `${n} sweeps after ${BURN_IN} that are left out.` : `${n} of ${BURN_IN} sweeps that are left out.`];
    if (n === 0 && !this.burnt) words.push("The unit is fixed to 1; four chains, started from noise, sample all other units.");
    if (this.burnt && n > 1) {
      words.push(`R = ${R.toFixed(2)}: it compares the four chains, 1 if all see the same (Gelman & Rubin 1992).`);
      if (n >= ENOUGH && R > MIXED) words.push("They still see different pictures, so the mean may mislead.");
      else if (n >= ENOUGH) words.push("That is no proof: chains that move slowly look alike for long.");
    }
    if (this.note) words.push(`⚠ Chains of the atlas: ${this.note}. Tau: for how many sweeps a chain remembers.`);
    this.text.textContent = words.join(" ");
  }
}

/**
 * @param {import("./maths.js").Floats} x
 * @returns {[number, number]}
 */
function limits(x) {
  let low = Infinity, high = -Infinity;
  for (const value of x) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return high > low ? [low, high] : [low - 1, low + 1];
}
