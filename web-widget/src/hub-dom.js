/**
 * Making elements without ever making HTML: text goes in as text, links pass an allow-list, nothing is a Trusted Types
 * sink and nothing needs `unsafe-inline`.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | boolean | null | undefined | ((event: any) => void)>} [attributes] a function listens
 *   to the event of its name; true is an empty attribute, false, null and undefined are none
 * @param {(Node | string | null | undefined | false)[]} children strings become text nodes
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else setAttribute(element, name, value === true ? "" : value || null);
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/**
 * A button that shows an icon only; `name` says what it does.
 * @param {string} kind its class, and its part
 * @param {string} path of the icon
 * @param {(event: MouseEvent) => void} click
 */
export function iconButton(kind, path, click) {
  return h("button", { class: `icon ${kind}`, part: kind, type: "button", click }, icon(path));
}

/**
 * @param {Element} element
 * @param {string} label
 * @param {string} [tooltip] the label if absent
 */
export function name(element, label, tooltip = label) {
  setAttribute(element, "aria-label", label);
  setAttribute(element, "title", tooltip);
}

/**
 * Only when it is another: writing an attribute costs a style calculation, and rows are many.
 * @param {Element} element
 * @param {string} attribute
 * @param {string | null} value null takes it away
 */
export function setAttribute(element, attribute, value) {
  if (value === null) element.removeAttribute(attribute);
  else if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
}

/**
 * A 24-unit line icon, hidden from assistive technology: the button around it has the label.
 * @param {...string} paths
 * @returns {SVGSVGElement}
 */
export function icon(...paths) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", paths.join(""));
  svg.append(path);
  return svg;
}

/**
 * The address of a link from outside, resolved against the page; null unless it is https, http or mailto.
 * @param {string | null | undefined} address
 * @param {RegExp} [schemes]
 * @returns {string | null}
 */
export function safeLink(address, schemes = /^(https?|mailto):/) {
  try {
    const { href } = new URL(address ?? "x:", document.baseURI);
    return address && schemes.test(href) ? href : null;
  } catch {
    return null;
  }
}
