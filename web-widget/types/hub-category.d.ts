/** What people call a category. Pure. */
/**
 * `orders.shipped` is `Orders shipped`, as on the hub's own pages.
 * @param {string} category
 * @returns {string}
 */
export declare function categoryName(category: string): string;
