/**
 * Making elements without ever making HTML: text goes in as text, links pass an allow-list, nothing is a Trusted Types
 * sink and nothing needs `unsafe-inline`.
 */
/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | boolean | null | undefined | ((event: any) => void)>} [attributes] a function listens
 *   to the event of its name; true is an empty attribute, false, null and undefined are none
 * @param {(Node | string | null | undefined | false)[]} children strings become text nodes
 * @returns {HTMLElementTagNameMap[T]}
 */
export declare function h<T extends keyof HTMLElementTagNameMap>(tag: T, attributes?: Record<string, string | boolean | null | undefined | ((event: any) => void)>, ...children: (Node | string | null | undefined | false)[]): HTMLElementTagNameMap[T];
/**
 * A button that shows an icon only; `name` says what it does.
 * @param {string} kind its class, and its part
 * @param {string} path of the icon
 * @param {(event: MouseEvent) => void} click
 */
export declare function iconButton(kind: string, path: string, click: (event: MouseEvent) => void): HTMLButtonElement;
/**
 * @param {Element} element
 * @param {string} label
 * @param {string} [tooltip] the label if absent
 */
export declare function name(element: Element, label: string, tooltip?: string): void;
/**
 * Only when it is another: writing an attribute costs a style calculation, and rows are many.
 * @param {Element} element
 * @param {string} attribute
 * @param {string | null} value null takes it away
 */
export declare function setAttribute(element: Element, attribute: string, value: string | null): void;
/**
 * A 24-unit line icon, hidden from assistive technology: the button around it has the label.
 * @param {...string} paths
 * @returns {SVGSVGElement}
 */
export declare function icon(...paths: string[]): SVGSVGElement;
/**
 * The address of a link from outside, resolved against the page; null unless it is https, http or mailto.
 * @param {string | null | undefined} address
 * @param {RegExp} [schemes]
 * @returns {string | null}
 */
export declare function safeLink(address: string | null | undefined, schemes?: RegExp): string | null;
