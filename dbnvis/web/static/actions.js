// What a person can do on the page: every action with its key, its button and its words.

import {byId} from "./dom.js";
import {PLAIN} from "./layers.js";

/** @typedef {import("./keys.js").Action} Action */

/**
 * @param {import("./live.js").Live} live
 * @returns {Action[]}
 */
export function actionsOf(live) {
  const move = (/** @type {number} */ by) => live.choose(live.layer, live.index + by);
  const rows = (/** @type {number} */ by) => live.moveRows(by);
  return [
    {id: "undo", keys: ["Backspace"], label: "Undo", help: "Take the last stroke back.", place: "pad", run: () => live.pad.undo()},
    {id: "clear", keys: ["x"], label: "Clear", help: "Empty the pad.", place: "pad", run: () => live.clear()},
    {id: "invert", keys: ["v"], label: "Invert", help: "Exchange black and white.", place: "pad", run: () => live.pad.invert()},
    {id: "camera", keys: ["c"], label: "Camera", help: "Show the network what a camera sees; again: stop.", place: "pad", run: () => void live.toggleCamera()},
    {id: "file", keys: ["p"], label: "Picture…", help: "Open a picture; pasting or dropping one works, too.", place: "pad", run: () => byId("file", HTMLInputElement).click()},
    {id: "previous", keys: ["e"], label: "‹ image", help: "The image before, of those on this page.", place: "pad", run: () => live.showImage(live.image - 1)},
    {id: "next", keys: ["w"], label: "image ›", help: "The next image.", place: "pad", run: () => live.showImage(live.image + 1)},
    {id: "left", keys: ["ArrowLeft", "j"], label: "", help: "The unit to the left.", place: "", run: () => move(-1)},
    {id: "right", keys: ["ArrowRight", "l"], label: "", help: "The unit to the right.", place: "", run: () => move(1)},
    {id: "above", keys: ["ArrowUp", "i"], label: "", help: "The unit above, a row up.", place: "", run: () => rows(-1)},
    {id: "below", keys: ["ArrowDown", "k"], label: "", help: "The unit below, a row down.", place: "", run: () => rows(1)},
    {id: "fastleft", keys: ["J"], label: "", help: "Ten units to the left.", place: "", run: () => move(-10)},
    {id: "fastright", keys: ["L"], label: "", help: "Ten units to the right.", place: "", run: () => move(10)},
    {id: "fastabove", keys: ["I"], label: "", help: "Five rows up.", place: "", run: () => rows(-5)},
    {id: "fastbelow", keys: ["K"], label: "", help: "Five rows down.", place: "", run: () => rows(5)},
    {id: "up", keys: ["u"], label: "Layer ↑", help: "The layer above.", place: "top", run: () => live.changeLayer(1)},
    {id: "down", keys: ["o"], label: "Layer ↓", help: "The layer below.", place: "top", run: () => live.changeLayer(-1)},
    {id: "freeze", keys: ["f"], label: "Freeze", help: "Hold what is seen, while you draw on; again: go on.", place: "top", run: () => live.freeze(!live.frozen)},
    {id: "overlay", keys: ["s"], label: "Pictures", help: "Each unit as its own picture, or as its plain activation.", place: "top", run: () => live.setView(live.view === PLAIN ? live.pictureView : PLAIN)},
    {id: "zoom", keys: ["z"], label: "Zoom", help: "Larger tiles.", place: "top", run: () => live.setZoom(!live.zoom)},
    {id: "gain", keys: ["t"], label: "Gain ×1", help: "How brightly activations are painted: ×1, ×2, ×4, ×0.5.", place: "top", run: () => live.setGain()},
    {id: "chain", keys: ["g"], label: "Chain", help: "Run or pause the Gibbs chain of the unit.", place: "top", run: () => live.toggleChain()},
    {id: "save", keys: ["S"], label: "Save", help: "Save what is seen as a PNG, and all numbers as JSON.", place: "top", run: () => void live.save()},
    {id: "theme", keys: ["d"], label: "Light/dark", help: "Change between a light and a dark page.", place: "top", run: () => live.setTheme(!live.dark)},
    {id: "help", keys: ["h", "?"], label: "Help ?", help: "This help.", place: "top", run: () => live.toggleHelp()},
    {id: "reset", keys: ["Escape"], label: "Reset", help: "Everything as at the start.", place: "top", run: () => void live.reset()},
  ];
}
