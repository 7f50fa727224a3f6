"""The style of the pages behind mails' links. One constant, so that one hash allows it."""

from __future__ import annotations

# Contrast by WCAG 2.2: text 4.5:1, edges of controls and focus 3:1, in both schemes (tests/e2e/test_pages.py, axe).
STYLE = """
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #fff; --text: #1c1e22; --soft: #565b64; --edge: #d9dce1; --control: #767c86;
  --accent: #2456c9; --on-accent: #fff; --good: #e7f4ea; --good-edge: #2f7d43;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131417; --card: #1d1f24; --text: #eceef1; --soft: #a9afb9; --edge: #363a42; --control: #8a909b;
    --accent: #8fb0ff; --on-accent: #0d1730; --good: #16301d; --good-edge: #6cbf82;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: clamp(0px, 4vw, 48px) clamp(0px, 3vw, 24px); background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere;
}
main {
  max-width: 42rem; margin: 0 auto; padding: clamp(20px, 5vw, 40px); background: var(--card);
  border: 1px solid var(--edge); border-radius: 12px;
}
@media (max-width: 40rem) { body { background: var(--card); } main { border: 0; border-radius: 0; } }
.brand { margin: 0 0 .25rem; color: var(--soft); font-size: .9375rem; font-weight: 600; }
.brand:not(:has(bdi:not(:empty))) { display: none; }
h1 { margin: 0 0 1rem; font-size: clamp(1.375rem, 1.1rem + 1.4vw, 1.75rem); line-height: 1.25; text-wrap: balance; }
p { margin: 0 0 1rem; max-width: 36rem; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
a { color: var(--accent); text-underline-offset: .2em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.saved {
  padding: .75rem 1rem; background: var(--good); border-inline-start: 4px solid var(--good-edge); border-radius: 6px;
  max-width: none;
}
button {
  font: inherit; font-weight: 600; min-height: 44px; padding: .5rem 1.25rem; cursor: pointer; color: var(--on-accent);
  background: var(--accent); border: 1px solid var(--accent); border-radius: 8px;
}
button.quiet { color: var(--accent); background: none; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem 1.25rem; align-items: center; margin: 1.25rem 0 0; }
main > :last-child { margin-bottom: 0; }
form { margin: 0 0 1rem; }
fieldset { margin: 0; padding: 1.125rem 0; border: 0; border-top: 1px solid var(--edge); min-width: 0; }
legend { float: inline-start; width: 100%; padding: 0; font-weight: 600; }
legend + * { clear: both; }
fieldset p { margin: .125rem 0 0; font-size: .9375rem; }
.choices { display: flex; flex-wrap: wrap; gap: 0 1.5rem; margin: .375rem 0 0; clear: both; }
.choices label { display: inline-flex; gap: .5rem; align-items: center; min-height: 44px; cursor: pointer; }
.choices label.fixed { cursor: default; color: var(--soft); }
input[type=checkbox] { width: 1.25rem; height: 1.25rem; margin: 0; flex: none; accent-color: var(--accent); }
select {
  margin: .25rem 0 0;   font: inherit; min-height: 44px; max-width: 100%; padding: .375rem .75rem; color: var(--text);
  background: var(--card); border: 1px solid var(--control); border-radius: 8px;
}
"""
