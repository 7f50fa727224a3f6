/**
 * Making elements without ever making HTML: text goes in as text, links pass an allow-list, nothing is a Trusted Types
 * sink and nothing needs `unsafe-inline`.
 */

const SVG = "http://www.w3.org/2000/svg";
const LINK_SCHEMES = new Set(["https:", "http:", "mailto:"]);
const IMAGE_SCHEMES = new Set(["https:", "http:"]);

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | boolean | null | undefined | ((event: any) => void)>} [attributes] a function listens
 *   to the event of its name; true is an empty attribute, false, null and undefined are none
 * @param {(Node | string | null)[]} children strings become text nodes
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (typeof value === "string") element.setAttribute(name, value);
    else if (value) element.setAttribute(name, "");
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * A 24-unit line icon, hidden from assistive technology: the button around it has the label.
 * @param {...string} paths
 * @returns {SVGSVGElement}
 */
export function icon(...paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/**
 * The address of a link from outside, resolved against the page; null unless it is https, http or mailto.
 * @param {string | null | undefined} address
 * @returns {string | null}
 */
export function safeLink(address) {
  return allowed(address, LINK_SCHEMES);
}

/**
 * @param {string | null | undefined} address
 * @returns {string | null} null unless it is https or http
 */
export function safeImage(address) {
  return allowed(address, IMAGE_SCHEMES);
}

/**
 * @param {string | null | undefined} address
 * @param {Set<string>} schemes
 */
function allowed(address, schemes) {
  if (!address) return null;
  try {
    const url = new URL(address, document.baseURI);
    return schemes.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
