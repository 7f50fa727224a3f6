/** A page in React that shows all hooks, for tests/e2e/test_react.py: `window.page` is how the test reaches into it. */

import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { HubProvider, useArrivals, useCounts, useHub, useInbox, usePreferences } from "@notification-hub/widget/react";

const page = (window.page = { arrived: [], drawn: { counts: 0 }, stores: new Set(), root: null, asked: 0 });

function Counts() {
  page.drawn.counts++;
  const { unread, total } = useCounts();
  return (
    <output id="counts">
      {unread} of {total}
    </output>
  );
}

function List({ id, filter }) {
  page.stores.add(useHub());
  const { items, status, hasOlder, loadOlder, mark, markAll } = useInbox(filter);
  useArrivals(({ item }) => page.arrived.push(`${id} ${item.title}`));
  return (
    <section id={id} data-status={status}>
      <ul>
        {items.map((item) => (
          <li key={item.id} className={item.read_at ? "read" : ""} onClick={() => mark("read", item)}>
            {item.title}
          </li>
        ))}
      </ul>
      {hasOlder && <button onClick={loadOlder}>Older</button>}
      <button onClick={() => markAll()}>All</button>
    </section>
  );
}

function Settings() {
  const { choices, change } = usePreferences();
  return choices?.channels.map(({ channel, enabled }) => (
    <label key={channel}>
      <input type="checkbox" checked={enabled} onChange={() => change({ channels: { [channel]: !enabled } })} />
      {channel}
    </label>
  ));
}

function App() {
  const [filter, setFilter] = useState(undefined);
  return (
    <HubProvider getToken={() => (page.asked++, window.token)}>
      <Counts />
      <List id="main" filter={filter} />
      <List id="other" filter={{ status: "unread" }} />
      <button id="tagged" onClick={() => setFilter({ tag: "t" })}>
        Tagged
      </button>
      <Settings />
    </HubProvider>
  );
}

page.root = createRoot(document.querySelector("main"));
page.root.render(
  <StrictMode>
    <App />
  </StrictMode>,
);
