/**
 * The look, as one constructable sheet for all instances: no <style>, so no nonce is needed under a strict policy. What
 * a page may set are the `--hub-*` properties and the parts; `--_*` are ours. Distances are multiples of 4 px.
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

.panel {
  position: absolute;
  inset: var(--_y, 0) auto auto var(--_x, 0);
  margin: 0;
  padding: 0;
  overflow: hidden;
  width: min(var(--hub-panel-width, 400px), calc(100vw - 16px));
  height: fit-content;
  max-height: min(var(--hub-panel-height, 600px), var(--_room, 9999px));
  color: inherit;
  background: var(--_surface);
  border: 1px solid var(--_line);
  border-radius: var(--_radius);
  box-shadow: var(--hub-shadow, 0 1px 2px rgb(0 0 0 / 0.05), 0 16px 40px -12px rgb(0 0 0 / 0.25));
  font-family: var(--hub-font, inherit);
  font-size: inherit;
  text-align: start;
}
.panel:not(.shown) {
  display: none;
}
.panel.shown,
.inbox {
  display: flex;
  flex-direction: column;
  min-height: 0;
}
.up {
  transform: translateY(-100%);
}
.panel:focus {
  outline: none;
}
.still {
  position: relative;
  inset: 0;
  width: auto;
  height: 100%;
  max-height: inherit;
  box-shadow: none;
}
:host(hub-feed) {
  display: block;
}
header {
  display: flex;
  align-items: center;
  gap: 4px;
  padding-block: 12px 4px;
  padding-inline: 16px 12px;
}
h2 {
  flex: 1;
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  margin: 0;
  font-size: 16px;
  font-weight: 650;
  line-height: 32px;
}
.icon[aria-disabled="true"] {
  opacity: 0.4;
  cursor: default;
}
.more svg {
  stroke-width: 2.75;
}
.back {
  margin-inline-start: -8px;
}
.back:dir(rtl),
.bone:dir(rtl) {
  scale: -1 1;
}
.tabs {
  display: flex;
  gap: 4px;
  flex: none;
  padding: 0 12px;
  overflow-x: auto;
  border-block-end: 1px solid var(--_line);
}
.tab {
  flex: none;
  padding: 8px;
  font-size: 13px;
  font-weight: 550;
  color: var(--_muted);
  border-block-end: 2px solid transparent;
}
.tab:focus-visible {
  outline-offset: -2px;
}
.tab[aria-selected="true"] {
  border-color: var(--_accent);
}
.tab[aria-selected="true"],
.tab:hover,
.icon:hover,
.older:hover {
  color: var(--_text);
}
.count:not(:empty) {
  margin-inline-start: 6px;
  color: var(--_accent);
}
.banner {
  margin: 0;
  padding: 8px 16px;
  font-size: 13px;
  background: light-dark(#fdf3dc, #382e15);
  animation: late 0s 1.5s both;
}
@keyframes late {
  from {
    position: absolute;
    visibility: hidden;
  }
}

.scroll {
  position: relative;
  min-height: 0;
  overflow-y: auto;
  overscroll-behavior: contain;
  scrollbar-width: thin;
}
.newer {
  position: sticky;
  inset-block-start: 8px;
  z-index: 2;
  display: block;
  width: fit-content;
  height: 28px;
  margin: 0 auto -28px;
  padding: 0 12px;
  border-radius: 14px;
  font-size: 13px;
  font-weight: 600;
  color: var(--_on-accent);
  background: var(--_accent);
  box-shadow: 0 4px 12px rgb(0 0 0 / 0.2);
}
.row {
  padding: 0 8px;
  content-visibility: auto;
  contain-intrinsic-size: auto 88px;
}
.list {
  padding-block: 8px;
}
.block {
  content-visibility: auto;
  contain-intrinsic-size: auto 4400px;
}
.row[data-day]::before {
  content: attr(data-day);
  display: block;
  padding: 8px 8px 4px;
  font-size: 12px;
  font-weight: 550;
  color: var(--_muted);
}
.card {
  position: relative;
  display: flex;
  gap: var(--_gap);
  padding-block: var(--_gap);
  padding-inline: 20px 8px;
  border-radius: 10px;
}
.sub .card {
  margin-inline-start: 20px;
}
.card:hover,
.card:has(:focus-visible, .more[aria-expanded="true"]) {
  background: var(--_hover);
}
.unread .card::before {
  content: "";
  position: absolute;
  inset-block-start: calc(var(--_gap) + var(--_face) / 2 - 4px);
  inset-inline-start: 6px;
  width: 8px;
  height: 8px;
  border-radius: 50%;
  background: var(--_accent);
}
.avatar {
  width: var(--_face);
  height: var(--_face);
  overflow: hidden;
  border-radius: var(--hub-avatar-radius, 50%);
  font-size: 13px;
  font-weight: 600;
  background: light-dark(oklch(0.93 0.045 var(--_hue)), oklch(0.34 0.06 var(--_hue)));
  color: light-dark(oklch(0.42 0.12 var(--_hue)), oklch(0.88 0.08 var(--_hue)));
}
.thing {
  border-radius: var(--hub-avatar-radius, 8px);
}
.avatar img {
  position: absolute;
  width: 100%;
  height: 100%;
  object-fit: cover;
}
.text {
  flex: 1;
  min-width: 0;
}
.line {
  display: flex;
  gap: 12px;
}
.title {
  flex: 1;
  min-width: 0;
  text-align: start;
  text-decoration: none;
  color: inherit;
}
.title,
.body {
  display: -webkit-box;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 3;
  overflow: hidden;
  overflow-wrap: anywhere;
  text-wrap: pretty;
}
.title::after {
  content: "";
  position: absolute;
  inset: 0;
  border-radius: 10px;
}
.title:focus-visible {
  outline: none;
}
.title:focus-visible::after {
  outline: 2px solid var(--_accent);
}
.unread .title {
  font-weight: 600;
}
time,
.meta {
  font-size: 12px;
  line-height: 20px;
  color: var(--_muted);
  white-space: nowrap;
}
.body {
  margin: 0;
  font-size: 13px;
  color: var(--_muted);
  -webkit-line-clamp: 2;
}
:host([density="compact"]) .body {
  -webkit-line-clamp: 1;
}
.meta {
  display: flex;
  align-items: center;
  gap: 8px;
  min-height: 20px;
  margin-block-start: 2px;
}
.category {
  unicode-bidi: plaintext;
  overflow: hidden;
  text-overflow: ellipsis;
}
.category::first-letter {
  text-transform: uppercase;
}
.urgent {
  display: flex;
  align-items: center;
  gap: 4px;
  font-weight: 600;
  color: var(--_danger);
}
.urgent svg {
  width: 14px;
  height: 14px;
}
.actions {
  display: flex;
  flex-wrap: wrap;
  gap: 8px;
  padding-block: 8px 4px;
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
.thread {
  padding-inline: 5px;
  margin-block: -4px;
  border-color: transparent;
  background: none;
}
.action:hover,
.thread:hover {
  border-color: currentColor;
}
.picture {
  flex: none;
  width: 44px;
  height: 44px;
  border-radius: var(--hub-avatar-radius, 8px);
  object-fit: cover;
}
.tools {
  position: absolute;
  z-index: 1;
  inset-block-end: calc(var(--_gap) - 4px);
  inset-inline-end: 8px;
  display: flex;
  border-radius: 8px;
  background: var(--_surface);
  box-shadow: 0 0 0 1px var(--_line), 0 2px 8px rgb(0 0 0 / 0.08);
}
.card:not(:hover, :has(:focus-visible, .more[aria-expanded="true"])) .tools {
  opacity: 0;
}
@media (hover: none) {
  .card .tools {
    opacity: 1 !important;
    background: none;
    box-shadow: none;
  }
}

.older,
.end {
  display: block;
  width: 100%;
  margin: 0;
  padding: 12px;
  font-size: 13px;
  text-align: center;
  color: var(--_muted);
}
.foot {
  position: relative;
}
.top {
  position: absolute;
  width: 1px;
  height: 8px;
}
.probe {
  position: absolute;
  inset-block-end: 0;
  width: 1px;
  height: 800px;
  pointer-events: none;
}
.state {
  display: grid;
  justify-items: center;
  padding: 48px 32px 56px;
  text-align: center;
  text-wrap: balance;
  color: var(--_muted);
}
.state svg {
  width: 40px;
  height: 40px;
  padding: 8px;
  margin-block-end: 12px;
  border-radius: 8px;
  background: var(--_hover);
}
.state strong {
  color: var(--_text);
  font-weight: 600;
}
.state .action {
  margin-block-start: 16px;
}
.bone {
  height: 32px;
  margin: 24px;
  background:
    radial-gradient(circle at 16px, var(--_line) 15px, transparent 16px),
    linear-gradient(var(--_line) 0 0) 44px 4px / 40% 9px no-repeat,
    linear-gradient(var(--_line) 0 0) 44px 20px / 70% 9px no-repeat;
}

@media (max-width: 480px) {
  :host(:not([keep-open], hub-feed)) .panel {
    position: fixed;
    inset: auto 0 0;
    width: 100%;
    max-height: 88dvh;
    padding-block-end: env(safe-area-inset-bottom);
    border-width: 1px 0 0;
    border-radius: var(--_radius) var(--_radius) 0 0;
    transform: none;
  }
  .panel::backdrop {
    background: rgb(0 0 0 / 0.35);
  }
}
@media (min-width: 481px) {
  .close {
    display: none;
  }
}
@media (prefers-reduced-motion: no-preference) {
  .panel.shown:not(.still) {
    animation: open 0.16s cubic-bezier(0.2, 0.8, 0.3, 1);
  }
  .fresh .card {
    animation: open 0.4s cubic-bezier(0.2, 0.8, 0.3, 1);
  }
  .ringing svg {
    animation: ring 0.7s ease-in-out;
    transform-origin: 50% 15%;
  }
  .bones {
    animation: breathe 1.2s ease-in-out infinite alternate;
  }
  @keyframes open {
    from {
      opacity: 0;
      translate: 0 8px;
    }
  }
  @keyframes ring {
    30% {
      rotate: 14deg;
    }
    60% {
      rotate: -9deg;
    }
  }
  @keyframes breathe {
    to {
      opacity: 0.45;
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
  .tab:not([aria-selected="true"]) {
    border-color: Canvas;
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
