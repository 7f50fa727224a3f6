/** What people call a category. Pure. */

/**
 * `orders.shipped` is `Orders shipped`, as on the hub's own pages.
 * @param {string} category
 * @returns {string}
 */
export function categoryName(category) {
  const words = category.replace(/[\s._/:-]+/g, " ").trim() || category;
  return words[0]?.toLocaleUpperCase() + words.slice(1);
}
