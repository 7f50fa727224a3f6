/** The elements in Vue 3's templates: `import type {} from "@notification-hub/widget/vue"`, once in an app. */

import type { EmitFn, HTMLAttributes, PublicProps } from "vue";
import type { HubElements, HubEvents } from "./hub-elements.js";

type Emits = { [Name in keyof HubEvents]: (event: HubEvents[Name]) => void };

type Tags = {
  [Tag in keyof HubElements]: new () => HTMLElementTagNameMap[Tag] & {
    /** Only for the types of templates. @deprecated */
    $props: Omit<HTMLAttributes, keyof HubElements[Tag]> & HubElements[Tag] & PublicProps;
    /** Only for the types of templates. @deprecated */
    $emit: EmitFn<Emits>;
  };
};

declare module "vue" {
  interface GlobalComponents extends Tags {}
}
