/**
 * Making elements without ever making HTML: text goes in as text, links pass an allow-list, nothing is a Trusted Types
 * sink and nothing needs `unsafe-inline`.
 */
/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | boolean | null | undefined | ((event: any) => void)>} [attributes] a function listens
 *   to the event of its name; true is an empty attribute, false, null and undefined are none
 * @param {(Node | string | null)[]} children strings become text nodes
 * @returns {HTMLElementTagNameMap[T]}
 */
export declare function h<T extends keyof HTMLElementTagNameMap>(tag: T, attributes?: Record<string, string | boolean | null | undefined | ((event: any) => void)>, ...children: (Node | string | null)[]): HTMLElementTagNameMap[T];
/**
 * A 24-unit line icon, hidden from assistive technology: the button around it has the label.
 * @param {...string} paths
 * @returns {SVGSVGElement}
 */
export declare function icon(...paths: string[]): SVGSVGElement;
/**
 * The address of a link from outside, resolved against the page; null unless it is https, http or mailto.
 * @param {string | null | undefined} address
 * @returns {string | null}
 */
export declare function safeLink(address: string | null | undefined): string | null;
/**
 * @param {string | null | undefined} address
 * @returns {string | null} null unless it is https or http
 */
export declare function safeImage(address: string | null | undefined): string | null;
