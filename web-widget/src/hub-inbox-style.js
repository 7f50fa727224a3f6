/**
 * The look, as one constructable sheet for all instances: no <style>, so no nonce is needed under a strict policy. What
 * a page may set are the `--hub-*` properties and the parts; `--_*` are ours.
 */

const CSS = `
:host {
  --_accent: var(--hub-accent, light-dark(#2f5be7, #8fa8ff));
  --_on-accent: var(--hub-on-accent, light-dark(#ffffff, #0c1330));
  --_danger: var(--hub-danger, light-dark(#c8321f, #ff8a75));
  --_surface: var(--hub-surface, light-dark(#ffffff, #1a1c20));
  --_text: var(--hub-text, light-dark(#191b1f, #eceef2));
  --_muted: var(--hub-muted, light-dark(#61656e, #a0a5b0));
  --_line: var(--hub-line, light-dark(#e6e7ea, #2c2f36));
  --_hover: var(--hub-hover, light-dark(#f5f6f8, #22252b));
  --_radius: var(--hub-radius, 14px);
  display: inline-block;
  font-family: var(--hub-font, inherit);
  font-size: var(--hub-font-size, 14px);
  line-height: 1.45;
  color: var(--_text);
}
:host([hidden]) {
  display: none;
}
:host([theme="light"]) {
  color-scheme: light;
}
:host([theme="dark"]) {
  color-scheme: dark;
}
*,
*::before,
*::after {
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
  width: 1.25em;
  height: 1.25em;
  fill: none;
  stroke: currentColor;
  stroke-width: 1.75;
  stroke-linecap: round;
  stroke-linejoin: round;
}
[hidden] {
  display: none !important;
}
:focus-visible {
  outline: 2px solid var(--_accent);
  outline-offset: 2px;
}
.only-read-aloud {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

.bell {
  position: relative;
  display: grid;
  place-items: center;
  width: 40px;
  height: 40px;
  border-radius: 50%;
  color: var(--hub-bell, inherit);
}
.bell:hover {
  background: color-mix(in srgb, currentColor 8%, transparent);
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
  height: 18px;
  padding: 0 5px;
  border-radius: 9px;
  background: var(--hub-badge, var(--_danger));
  color: light-dark(#fff, #22090a);
  font-size: 11px;
  font-weight: 700;
  line-height: 18px;
  text-align: center;
  font-variant-numeric: tabular-nums;
  box-shadow: 0 0 0 2px var(--_surface);
}

.panel {
  position: absolute;
  inset: auto;
  margin: 0;
  padding: 0;
  overflow: hidden;
  width: min(var(--hub-panel-width, 380px), calc(100vw - 16px));
  height: fit-content;
  max-height: min(var(--hub-panel-height, 560px), var(--_room, 9999px));
  color: inherit;
  background: var(--_surface);
  border: 1px solid var(--_line);
  border-radius: var(--_radius);
  box-shadow: var(--hub-shadow, 0 1px 2px rgb(0 0 0 / 0.06), 0 12px 32px -8px rgb(0 0 0 / 0.22));
  font-family: var(--hub-font, inherit);
  font-size: inherit;
  text-align: start;
}
.panel:not(.shown) {
  display: none;
}
.panel.shown {
  display: flex;
  flex-direction: column;
}
.panel:focus {
  outline: none;
}
header {
  display: flex;
  align-items: center;
  gap: 8px;
  min-height: 52px;
  padding: 8px 10px 8px 16px;
  border-block-end: 1px solid var(--_line);
}
h2 {
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  margin: 0;
  font-size: 15px;
  font-weight: 650;
  letter-spacing: -0.01em;
}
.count {
  flex: none;
  white-space: nowrap;
  padding: 1px 8px;
  border-radius: 10px;
  font-size: 12px;
  font-weight: 600;
  color: var(--_accent);
  background: color-mix(in srgb, var(--_accent) 12%, transparent);
  font-variant-numeric: tabular-nums;
}
.all {
  flex: none;
  white-space: nowrap;
  margin-inline-start: auto;
  padding: 5px 8px;
  border-radius: 7px;
  font-size: 13px;
  font-weight: 550;
  color: var(--_accent);
}
.all:hover {
  background: var(--_hover);
}
.all:disabled {
  visibility: hidden;
}
.banner {
  margin: 0;
  padding: 7px 16px;
  font-size: 12.5px;
  color: var(--_text);
  background: light-dark(#fdf1d4, #3a2f13);
  border-block-end: 1px solid var(--_line);
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
  flex: 1;
  min-height: 0;
  overflow-y: auto;
  overscroll-behavior: contain;
  scrollbar-width: thin;
}
.newer {
  position: sticky;
  inset-block-start: 8px;
  z-index: 1;
  display: block;
  width: fit-content;
  height: 28px;
  margin: 0 auto -28px;
  padding: 0 12px;
  border-radius: 14px;
  font-size: 12.5px;
  font-weight: 600;
  color: var(--_on-accent);
  background: var(--_accent);
  box-shadow: 0 4px 12px rgb(0 0 0 / 0.25);
}
ul {
  list-style: none;
  margin: 0;
  padding: 0;
}
.row {
  position: relative;
  display: flex;
  gap: 12px;
  padding: 13px 12px 13px 16px;
  content-visibility: auto;
  contain-intrinsic-size: auto 84px;
}
.row + .row {
  border-block-start: 1px solid var(--_line);
}
.row:hover,
.row:focus-within {
  background: var(--_hover);
}
.row.critical::before {
  content: "";
  position: absolute;
  inset-block: 0;
  inset-inline-start: 0;
  width: 3px;
  background: var(--_danger);
}
.avatar {
  position: relative;
  flex: none;
  display: grid;
  place-items: center;
  width: 34px;
  height: 34px;
  overflow: hidden;
  border-radius: var(--hub-avatar-radius, 10px);
  font-size: 14px;
  font-weight: 650;
  background: light-dark(oklch(0.93 0.045 var(--_hue)), oklch(0.34 0.06 var(--_hue)));
  color: light-dark(oklch(0.42 0.12 var(--_hue)), oklch(0.88 0.08 var(--_hue)));
}
.avatar img {
  position: absolute;
  inset: 0;
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
  align-items: baseline;
  gap: 10px;
}
.title {
  flex: 1;
  min-width: 0;
  overflow-wrap: anywhere;
  text-align: start;
  text-decoration: none;
  color: inherit;
  font-weight: 450;
}
.title::after {
  content: "";
  position: absolute;
  inset: 0;
}
.title:focus-visible {
  outline: none;
}
.title:focus-visible::after {
  outline: 2px solid var(--_accent);
  outline-offset: -3px;
  border-radius: 8px;
}
.unread .title {
  font-weight: 620;
}
time {
  flex: none;
  font-size: 12px;
  color: var(--_muted);
  white-space: nowrap;
  font-variant-numeric: tabular-nums;
}
.body {
  margin: 2px 0 0;
  color: var(--_muted);
  overflow-wrap: anywhere;
  display: -webkit-box;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 2;
  line-clamp: 2;
  overflow: hidden;
}
.meta {
  display: flex;
  align-items: center;
  gap: 6px;
  margin-block-start: 4px;
  font-size: 12px;
  color: var(--_muted);
}
.category {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.pin {
  display: inline-flex;
}
.pin svg {
  width: 13px;
  height: 13px;
}
.actions {
  position: relative;
  z-index: 1;
  display: flex;
  flex-wrap: wrap;
  gap: 8px;
  margin-block-start: 9px;
}
.action {
  padding: 4px 11px;
  border: 1px solid var(--_line);
  border-radius: 8px;
  font-size: 13px;
  font-weight: 550;
  text-decoration: none;
  color: inherit;
  background: var(--_surface);
}
.action:hover {
  border-color: var(--_accent);
  color: var(--_accent);
}
.picture {
  flex: none;
  width: 44px;
  height: 44px;
  border-radius: 8px;
  object-fit: cover;
}
.toggle {
  position: relative;
  z-index: 1;
  flex: none;
  align-self: flex-start;
  display: grid;
  place-items: center;
  width: 26px;
  height: 26px;
  margin: -3px 0 0 -4px;
  border-radius: 8px;
  color: var(--_muted);
}
.toggle svg {
  width: 16px;
  height: 16px;
  opacity: 0;
}
.toggle::before {
  content: "";
  position: absolute;
  width: 8px;
  height: 8px;
  border-radius: 50%;
  background: transparent;
}
.unread .toggle::before {
  background: var(--_accent);
}
.toggle:hover {
  background: color-mix(in srgb, currentColor 14%, transparent);
}
.unread .toggle:is(:hover, :focus-visible)::before {
  background: transparent;
}
.unread .toggle:is(:hover, :focus-visible) svg {
  opacity: 1;
  color: var(--_accent);
}
.row:not(.unread):is(:hover, :focus-within) .toggle::before {
  box-shadow: inset 0 0 0 1.5px var(--_muted);
}

.older {
  display: block;
  width: 100%;
  padding: 13px;
  font-weight: 550;
  font-size: 13px;
  color: var(--_accent);
  border-block-start: 1px solid var(--_line);
}
.older:hover {
  background: var(--_hover);
}
.state {
  display: grid;
  justify-items: center;
  gap: 4px;
  padding: 44px 32px 48px;
  text-align: center;
  color: var(--_muted);
}
.state svg {
  width: 34px;
  height: 34px;
  margin-block-end: 8px;
  stroke-width: 1.4;
}
.state strong {
  color: var(--_text);
  font-weight: 620;
}
.state button {
  margin-block-start: 12px;
  padding: 7px 14px;
  border-radius: 9px;
  font-weight: 600;
  color: var(--_on-accent);
  background: var(--_accent);
}
.bones {
  padding: 4px 0;
}
.bone {
  display: flex;
  gap: 12px;
  padding: 14px 16px;
}
.bone::before {
  content: "";
  width: 34px;
  height: 34px;
  border-radius: 10px;
  background: var(--_line);
}
.bone::after {
  content: "";
  flex: 1;
  height: 34px;
  border-radius: 6px;
  background: linear-gradient(var(--_line) 0 11px, transparent 11px 21px, var(--_line) 21px 32px, transparent 32px)
    no-repeat;
}

@media (prefers-reduced-motion: no-preference) {
  .panel.shown {
    animation: open 0.16s cubic-bezier(0.2, 0.8, 0.3, 1);
  }
  .row.fresh {
    animation: arrive 0.5s cubic-bezier(0.2, 0.8, 0.3, 1);
  }
  .bell.ringing svg {
    animation: ring 0.7s ease-in-out;
    transform-origin: 50% 15%;
  }
  .badge {
    transition: scale 0.18s;
  }
  .bell.ringing .badge {
    scale: 1.15;
  }
  .bones {
    animation: breathe 1.4s ease-in-out infinite alternate;
  }
  @keyframes open {
    from {
      opacity: 0;
      translate: 0 -6px;
    }
  }
  @keyframes arrive {
    from {
      opacity: 0;
      translate: 0 -10px;
      background: color-mix(in srgb, var(--_accent) 16%, var(--_surface));
    }
  }
  @keyframes ring {
    20% {
      rotate: 14deg;
    }
    40% {
      rotate: -11deg;
    }
    60% {
      rotate: 7deg;
    }
    80% {
      rotate: -4deg;
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
  .unread .toggle::before {
    forced-color-adjust: none;
    background: Highlight;
    color: HighlightText;
  }
}
`;

/** @type {CSSStyleSheet | undefined} */
let sheet;

/** Made at first use, so that importing needs no browser. */
export function styleSheet() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
