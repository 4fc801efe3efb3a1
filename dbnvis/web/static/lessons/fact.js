// A fact that a lesson shows: a measured number, and the bounds within which it has to lie.

/** @typedef {{text: string, holds: boolean | null, name?: string, value?: number, least?: number, most?: number}} Fact */

/**
 * A fact that holds if its value lies between two bounds, which were fixed after 20 seeds: results/lessons/facts.csv.
 * @param {string} name as in that table and in the notebooks
 * @param {number} value
 * @param {{least?: number, most?: number}} bounds
 * @param {string} text what the page says
 * @returns {Fact}
 */
export function fact(name, value, {least = -Infinity, most = Infinity}, text) {
  return {text, holds: least < value && value < most, name, value, least, most};
}

/**
 * A number on the way, of which nothing is claimed yet.
 * @param {string} text
 * @returns {Fact}
 */
export const onTheWay = (text) => ({text, holds: null});
