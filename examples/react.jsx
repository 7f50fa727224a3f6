/** React 19: the element for a bell and a panel, the hooks for a list of your own; one connection for both. */

import "@notification-hub/widget";
import {
  HubProvider,
  useCounts,
  useHub,
  useInbox,
} from "@notification-hub/widget/react";
import { createRoot } from "react-dom/client";

const HUB = "http://127.0.0.1:8000";

/** A client token for whoever is signed in; null for nobody. */
async function getToken() {
  const answer = await fetch("/hub-token", { method: "POST" });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`no token: HTTP ${answer.status}`);
  return answer.text();
}

function Bell() {
  const open = (event) => {
    event.preventDefault();
    history.pushState(null, "", event.detail.item.action_url ?? "/");
  };
  return <hub-inbox store={useHub()} onhub-activate={open} />;
}

function Unread() {
  const { unread } = useCounts();
  const { items, mark } = useInbox({ status: "unread" });
  return (
    <section>
      <h2>{unread} unread</h2>
      <ul>
        {items.map((item) => (
          <li key={item.id}>
            {item.title}{" "}
            <button onClick={() => mark("read", item)}>Read</button>
          </li>
        ))}
      </ul>
    </section>
  );
}

createRoot(document.querySelector("#app")).render(
  <HubProvider url={HUB} getToken={getToken}>
    <Bell />
    <Unread />
  </HubProvider>,
);
