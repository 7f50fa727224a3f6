/** What an app in TypeScript writes: nothing here runs, `npm run check` reads it against the declarations of the package. */

import { StrictMode, useState } from "react";
import { HubClient, HubError } from "@notification-hub/widget/client";
import { HubProvider, useArrivals, useCounts, useHub, useInbox, usePreferences } from "@notification-hub/widget/react";
import { HubStore } from "@notification-hub/widget/store";
import { enablePush } from "@notification-hub/widget/push";
import "@notification-hub/widget";

const getToken = async (): Promise<string | null> => null;
const store = new HubStore({ getToken, url: new URL("https://hub.example.com") });
const off: () => void = store.subscribe(() => store.snapshot.items.map(({ title, read_at }) => [title, read_at]));
off();
store.on("item", ({ item, missed }) => missed || item.title.toUpperCase());
store.on("error", (error) => error instanceof HubError && error.code);
new HubClient({ getToken }).on("message", ({ type }) => type.length);
// @ts-expect-error there is no such event
store.on("items", () => {});
// @ts-expect-error a store needs to know whose it is
new HubStore({});

function Unread() {
  const { items, hasOlder, status, stopped, counts, loadOlder, mark, markAll } = useInbox({ status: "unread" });
  const [last, setLast] = useState<string | null>(null);
  useArrivals(({ item }) => setLast(item.title));
  // @ts-expect-error there is no such list
  useInbox({ status: "red" });
  // @ts-expect-error there is no such action
  void mark("eat", items);
  return (
    <section aria-busy={status === "connecting"}>
      {stopped?.reason} {counts.unread.toFixed()} {last}
      {items.map((item) => (
        <button key={item.id} onClick={() => mark("read", item)}>
          {item.title}
        </button>
      ))}
      {hasOlder && <button onClick={loadOlder}>More</button>}
      <button onClick={() => markAll("archive")}>All</button>
    </section>
  );
}

function Settings() {
  const { choices, change, error } = usePreferences();
  const { unseen }: { unseen: number } = useCounts();
  const hub: HubStore = useHub();
  return (
    <form onSubmit={() => void enablePush({ url: "https://hub.example.com", getToken })}>
      {error instanceof HubError && error.message} {unseen} {hub.snapshot.rev}
      {choices?.categories.flatMap(({ category, label, channels }) =>
        channels.map(({ channel, enabled }) => (
          <input
            key={`${category} ${channel}`}
            type="checkbox"
            aria-label={label ?? "Everything else"}
            checked={enabled}
            onChange={() => change({ categories: { [category]: { channels: { [channel]: !enabled } } } })}
          />
        )),
      )}
    </form>
  );
}

export const withOptions = (
  <StrictMode>
    <HubProvider url="https://hub.example.com" getToken={getToken} transport="sse" key="ada">
      <Unread />
      <Settings />
    </HubProvider>
  </StrictMode>
);
export const withStore = <HubProvider store={store}>one child</HubProvider>;
// @ts-expect-error neither a store nor the options of one
export const withNothing = <HubProvider />;
