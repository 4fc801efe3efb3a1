// What one takes along: the page's state in its address, a PNG of what is seen, a JSON file of the numbers.

import {context} from "./dom.js";

/**
 * The state in the page's address: #model=pretrained&unit=h3:17&view=am&image=4.
 * @returns {Record<string, string>}
 */
export function readHash() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** @param {Record<string, string | null>} state null: left out */
export function writeHash(state) {
  const kept = Object.entries(state).filter(([, value]) => value !== null);
  const hash = `#${kept.map(([name, value]) => `${name}=${encodeURIComponent(String(value)).replaceAll("%3A", ":")}`).join("&")}`;
  if (hash === location.hash) return;
  try {
    history.replaceState(null, "", hash);
  } catch {
    location.hash = hash; // some browsers refuse the history to files
  }
}

/**
 * Let the browser save a file.
 * @param {Blob} content
 * @param {string} name
 */
export function download(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * The input and all layers as one PNG, with a title.
 * @param {HTMLCanvasElement} input
 * @param {import("./layers.js").LayerView[]} views
 * @param {string} title
 * @returns {Promise<Blob>}
 */
export async function picture(input, views, title) {
  const width = 1200, gap = 24, left = 200;
  const heights = views.map(({light, maps, columns, rows}) =>
    ((width - left - gap) * (maps.length > 0 ? light.height / light.width : rows / columns)) + 30);
  const canvas = document.createElement("canvas");
  Object.assign(canvas, {width, height: 60 + Math.max(heights.reduce((a, b) => a + b, 0), 200)});
  const pen = context(canvas);
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#111";
  pen.font = "20px system-ui, sans-serif";
  pen.fillText(title, gap, 34, width - 2 * gap);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(input, gap, 84, 150, 150);
  let top = 60;
  views.forEach((view, i) => {
    pen.fillStyle = "#111";
    pen.fillText(view.name, left, top + 18);
    const box = /** @type {const} */ ([left, top + 24, width - left - gap, heights[i] - 30]);
    if (view.pictured) {
      pen.imageSmoothingEnabled = true;
      pen.drawImage(view.pictures, ...box);
      pen.imageSmoothingEnabled = false;
    }
    pen.drawImage(view.light, ...box);
    top += heights[i];
  });
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("this browser could not make a PNG"))), "image/png");
  });
}
