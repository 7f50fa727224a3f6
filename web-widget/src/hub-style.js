/**
 * What all parts look alike in, and the bell, as one constructable sheet for all instances: no <style>, so no nonce is
 * needed under a strict policy. Panel, feed and row have sheets of their own. What a page may set are the `--hub-*`
 * properties and the parts; `--_*` are ours. Distances are multiples of 4 px.
 */

const CSS = `
:host {
  --_accent: var(--hub-accent, light-dark(#3559e0, #93aaff));
  --_on-accent: var(--hub-on-accent, light-dark(#fff, #0c1330));
  --_danger: var(--hub-danger, light-dark(#c8321f, #ff8a75));
  --_surface: var(--hub-surface, light-dark(#fff, #1a1c20));
  --_text: var(--hub-text, light-dark(#17191d, #eceef2));
  --_muted: var(--hub-muted, light-dark(#5f636c, #a0a5b0));
  --_line: var(--hub-line, light-dark(#e8e9ec, #2d3037));
  --_hover: var(--hub-hover, light-dark(#f4f5f7, #24272d));
  --_radius: var(--hub-radius, 14px);
  --_face: 32px;
  --_gap: 12px;
  display: inline-block;
  font-family: var(--hub-font, inherit);
  font-size: var(--hub-font-size, 14px);
  line-height: 1.43;
}
:host(hub-preferences) {
  color: var(--_text);
}
:host([hidden]),
[hidden] {
  display: none !important;
}
:host([theme="light"]) {
  color-scheme: light;
}
:host([theme="dark"]) {
  color-scheme: dark;
}
:host([density="compact"]) {
  --_face: 24px;
  --_gap: 8px;
}
*,
::before,
::after {
  box-sizing: border-box;
}
button {
  font: inherit;
  color: inherit;
  background: none;
  border: 0;
  padding: 0;
  margin: 0;
  cursor: pointer;
}
svg {
  flex: none;
  width: 18px;
  height: 18px;
  fill: none;
  stroke: currentColor;
  stroke-width: 1.75;
  stroke-linecap: round;
  stroke-linejoin: round;
}
:focus-visible {
  outline: 2px solid var(--_accent);
  outline-offset: 2px;
}
.only-read-aloud {
  position: absolute;
  clip-path: inset(50%);
  white-space: nowrap;
}

.bell,
.icon,
.avatar {
  position: relative;
  display: grid;
  place-items: center;
  flex: none;
  width: 28px;
  height: 28px;
  border-radius: 8px;
  color: var(--_muted);
}
.bell {
  width: 40px;
  height: 40px;
  border-radius: 50%;
  color: var(--hub-bell, inherit);
}
.bell:hover,
.bell[aria-expanded="true"],
.icon:hover {
  background: color-mix(in srgb, currentColor 9%, transparent);
}
.bell svg {
  width: 22px;
  height: 22px;
}
.badge {
  position: absolute;
  inset-block-start: 2px;
  inset-inline-start: 21px;
  min-width: 18px;
  padding: 0 5px;
  border-radius: 9px;
  color: light-dark(#fff, #22090a);
  background: var(--hub-badge, var(--_danger));
  box-shadow: 0 0 0 2px var(--_surface);
  font-size: 11px;
  font-weight: 700;
  line-height: 18px;
}
.action,
.thread {
  position: relative;
  z-index: 1;
  padding: 3px 11px;
  border: 1px solid color-mix(in srgb, var(--_muted) 35%, var(--_line));
  border-radius: 8px;
  font-size: 13px;
  font-weight: 550;
  text-decoration: none;
  color: var(--_text);
  background: var(--_surface);
}
.action:hover,
.thread:hover {
  border-color: currentColor;
}

@media (prefers-reduced-motion: no-preference) {
  .ringing svg {
    animation: ring 0.7s ease-in-out;
    transform-origin: 50% 15%;
  }
  @keyframes ring {
    30% {
      rotate: 14deg;
    }
    60% {
      rotate: -9deg;
    }
  }
}
@media (forced-colors: active) {
  .badge,
  .newer,
  .unread .card::before {
    forced-color-adjust: none;
    background: Highlight;
    color: HighlightText;
  }
}
`;

/** By text. @type {Map<string, CSSStyleSheet>} */
const sheets = new Map();

/** Made at first use, so that importing needs no browser. @param {string} [css] */
export function styleSheet(css = CSS) {
  let sheet = sheets.get(css);
  if (!sheet) {
    sheets.set(css, (sheet = new CSSStyleSheet()));
    sheet.replaceSync(css);
  }
  return sheet;
}

/**
 * Add a sheet to a root that does not have it.
 * @param {ShadowRoot} root
 * @param {string} css
 */
export function adopt(root, css) {
  const sheet = styleSheet(css);
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet);
}
