/** The elements in React's JSX: `import type {} from "@notification-hub/widget/jsx"`, once in an app. React 18 and 19. */

import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { HubElements, HubEvents } from "./hub-elements.js";

/** React 19 sets functions and objects as properties, and listens: `onhub-activate`. React 18 needs a `ref` for these. */
type Listeners = { [Name in keyof HubEvents as `on${Name}`]?: (event: HubEvents[Name]) => void };

type Tags = {
  [Tag in keyof HubElements]: Omit<
    DetailedHTMLProps<HTMLAttributes<HTMLElementTagNameMap[Tag]>, HTMLElementTagNameMap[Tag]>,
    keyof HubElements[Tag]
  > &
    HubElements[Tag] &
    Listeners;
};

declare module "react" {
  namespace JSX {
    interface IntrinsicElements extends Tags {}
  }
}
