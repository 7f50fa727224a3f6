/** The elements as apps in TypeScript write them: in JSX, with the DOM, in Vue's templates. Nothing here runs. */

import { createRef } from "react";
import type { GlobalComponents } from "vue";
import type { HubInbox } from "@notification-hub/widget";
import type {} from "@notification-hub/widget/jsx";
import type {} from "@notification-hub/widget/vue";

const getToken = async (): Promise<string | null> => null;
const inbox = createRef<HubInbox>();

export const page = (
  <header className="top">
    <hub-inbox
      ref={inbox}
      hub="https://hub.example.com"
      getToken={getToken}
      theme="dark"
      density="compact"
      tabs={[{ status: "unread" }, { category: "billing", label: "Bills" }]}
      title-badge
      keep-open={false}
      className="bell"
      style={{ "--hub-accent": "teal" } as React.CSSProperties}
      onhub-activate={(event) => event.detail.item.title.toUpperCase()}
      onhub-action={({ detail }) => detail.action.id + detail.item.id}
    >
      <span slot="bell">!</span>
    </hub-inbox>
    <hub-bell for="inbox" badge="unseen" key="bell" />
    <hub-feed hub="/" tabs="all,archived" renderItem={(item, content) => (item.body ? content : null)} />
    <hub-toasts placement="top-end" duration={8} sound="" onhub-more={(event) => event.preventDefault()} />
    <hub-preferences messages={{ settings: "Choices" }} />
  </header>
);

// @ts-expect-error there is no such placement
export const misplaced = <hub-toasts placement="middle" />;
// @ts-expect-error a token comes from a function
export const leaking = <hub-inbox getToken="eyJ" />;
// @ts-expect-error a bell has no tabs
export const tabbed = <hub-bell tabs="all" />;

const found = document.querySelector("hub-inbox");
if (found) {
  found.getToken = getToken;
  found.open = true;
  found.addEventListener("hub-arrived", (event) => event.detail.item.title.length);
  // @ts-expect-error an item has no such field
  found.addEventListener("hub-arrived", (event) => event.detail.item.subject);
}

type Props = InstanceType<GlobalComponents["hub-inbox"]>["$props"];
export const bound: Props = { hub: "https://hub.example.com", getToken, class: "bell", open: true };
// @ts-expect-error a theme is light or dark
export const unbound: Props = { theme: "pink" };
