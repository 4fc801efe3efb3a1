// Pictures of the lessons: line charts, tiles of numbers, text with subscripts. SVG, so that lines are sharp and
// colours follow light and dark.

import {element, paintSigned} from "../dom.js";

/** @typedef {ArrayLike<number>} Numbers */

/**
 * An element of SVG.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const made = /** @type {SVGElement} */ (document.createElementNS("http://www.w3.org/2000/svg", tag));
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/**
 * Text with x_{i}, x^{2}, `code` and *terms that are defined here*.
 * @param {string} text
 * @returns {Node[]}
 */
export function prose(text) {
  /** @type {Node[]} */
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(/_\{([^}]*)\}|\^\{([^}]*)\}|`([^`]*)`|\*([^*]+)\*/g)) {
    nodes.push(document.createTextNode(text.slice(from, found.index)));
    from = (found.index ?? 0) + found[0].length;
    const tag = found[1] !== undefined ? "sub" : found[2] !== undefined ? "sup" : found[3] !== undefined ? "code" : "dfn";
    nodes.push(element(/** @type {"sub"} */ (tag), {}, found[1] ?? found[2] ?? found[3] ?? found[4]));
  }
  nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

/**
 * @param {string} text
 * @param {string} [className]
 * @returns {HTMLElement}
 */
export function paragraph(text, className = "") {
  return element("p", {className}, ...prose(text));
}

/**
 * A number with `digits` decimals and a true minus.
 * @param {number} x
 * @param {number} [digits]
 * @returns {string}
 */
export function decimal(x, digits = 2) {
  return x.toFixed(digits).replace("-", "−");
}

/**
 * A small number, as 2e−16.
 * @param {number} x
 * @returns {string}
 */
export function tiny(x) {
  return x === 0 ? "0" : x.toExponential(0).replace("-", "−");
}

/**
 * A tile of signed numbers, orange above 0, blue below, white 0, with words below it.
 * @param {string} label what a screen reader says
 * @param {string} [caption]
 * @returns {{node: HTMLElement, paint: (numbers: Numbers, size: readonly number[], most?: number) => void, say: (text: string) => void}}
 */
export function tile(label, caption = "") {
  const canvas = element("canvas", {className: "tile", role: "img", ariaLabel: label});
  const words = element("figcaption", {}, ...prose(caption)), node = element("figure", {className: "tilebox"}, canvas, words);
  return {
    node,
    paint: (numbers, size, most) => paintSigned(canvas, numbers, size, most),
    say: (text) => words.replaceChildren(...prose(text)),
  };
}

/** @typedef {{name: string, kind: string}} Line  its name stands at its end; kind: a class of the style sheet */

/**
 * Lines over a common axis, each named where it ends.
 * @param {{label: string, x: string, y: string, lines: Line[], xMost: number, range?: [number, number] | null,
 *   height?: number, width?: number, format?: (y: number) => string}} options range: of y, or that of the data
 * @returns {{node: SVGElement, draw: (xs: Numbers, ys: Numbers[]) => void}}
 */
export function lineChart({label, x, y, lines, xMost, range = null, height = 210, width = 560, format = (v) => decimal(v)}) {
  const left = 46, right = 118, top = 26, bottom = 36, inner = width - left - right, tall = height - top - bottom;
  const axes = svg("g", {class: "axes"}), curves = svg("g");
  const node = svg("svg", {viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label}, axes, curves);
  /** @type {(xs: Numbers, ys: Numbers[]) => void} */
  const draw = (xs, ys) => {
    const all = ys.flatMap((values) => Array.from(values)).filter(Number.isFinite);
    let [low, high] = range ?? [Math.min(...all), Math.max(...all)];
    if (!(high > low)) [low, high] = Number.isFinite(low) ? [low - 0.5, low + 0.5] : [0, 1];
    /** @type {(value: number) => number} */
    const across = (value) => left + (inner * value) / xMost;
    /** @type {(value: number) => number} */
    const up = (value) => top + tall * (1 - (Math.min(Math.max(value, low), high) - low) / (high - low));
    axes.replaceChildren(svg("text", {x: 0, y: 13}, y), svg("text", {x: left + inner, y: height - 4, "text-anchor": "end"}, x));
    for (const value of [low, (low + high) / 2, high]) {
      axes.append(svg("line", {x1: left, x2: left + inner, y1: up(value), y2: up(value), class: "grid"}));
      axes.append(svg("text", {x: left - 6, y: up(value) + 4, "text-anchor": "end"}, format(value)));
    }
    for (const value of [0, xMost]) {
      axes.append(svg("text", {x: across(value), y: height - 20, "text-anchor": "middle"}, value.toLocaleString("en")));
    }
    curves.replaceChildren();
    const ends = lines.map((line, i) => {
      const n = Math.min(xs.length, ys[i].length);
      if (n === 0) return {line, x: left, y: NaN};
      const points = Array.from({length: n}, (_, k) => `${across(xs[k]).toFixed(1)},${up(ys[i][k]).toFixed(1)}`);
      curves.append(svg("polyline", {points: points.join(" "), class: `curve ${line.kind}`}));
      return {line, x: across(xs[n - 1]), y: up(ys[i][n - 1])};
    });
    ends.sort((a, b) => a.y - b.y);
    let last = -Infinity;
    for (const end of ends) {
      if (Number.isNaN(end.y)) continue;
      last = Math.max(end.y + 4, last + 15);
      curves.append(svg("text", {x: end.x + 6, y: last, class: `name ${end.line.kind}`}, end.line.name));
    }
  };
  return {node, draw};
}

/**
 * How often numbers fall between -most and most, as bars.
 * @param {{label: string, caption: string, width?: number}} options
 * @returns {{node: HTMLElement, draw: (numbers: Numbers) => void}}
 */
export function histogram({label, caption, width = 260}) {
  const height = 92, bins = 31, bars = svg("g"), scale = svg("g", {class: "axes"});
  const picture = svg("svg", {viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label}, bars, scale);
  const node = element("figure", {}, picture, element("figcaption", {}, ...prose(caption)));
  /** @type {(numbers: Numbers) => void} */
  const draw = (numbers) => {
    let most = 0;
    for (let i = 0; i < numbers.length; i++) most = Math.max(most, Math.abs(numbers[i]));
    const counts = new Float64Array(bins);
    for (let i = 0; i < numbers.length && most > 0; i++) {
      counts[Math.min(bins - 1, Math.floor((bins * (numbers[i] + most)) / (2 * most)))] += 1;
    }
    const highest = Math.max(1, ...counts), step = width / bins;
    bars.replaceChildren(...Array.from(counts, (count, k) => svg("rect", {
      x: k * step + 0.5, width: step - 1, y: 70 - (66 * count) / highest, height: (66 * count) / highest,
      class: k < (bins - 1) / 2 ? "minus" : k > (bins - 1) / 2 ? "plus" : "none",
    })));
    /** @type {(value: number) => string} */
    const short = (value) => (value !== 0 && Math.abs(value) < 0.01 ? value.toExponential(1) : value.toPrecision(2)).replaceAll("-", "−");
    scale.replaceChildren(
      svg("text", {x: 0, y: 86}, short(-most)), svg("text", {x: width / 2, y: 86, "text-anchor": "middle"}, "0"),
      svg("text", {x: width, y: 86, "text-anchor": "end"}, short(most)));
  };
  return {node, draw};
}
