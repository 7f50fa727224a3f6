/** The elements from the package, in any bundler: `npm install` of what `npm pack` in web-widget/ makes. */

import "@notification-hub/widget";

const HUB = "http://127.0.0.1:8000";

/** A client token for whoever is signed in; null for nobody. */
async function getToken() {
  const answer = await fetch("/hub-token", { method: "POST" });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`no token: HTTP ${answer.status}`);
  return answer.text();
}

const inbox = document.createElement("hub-inbox");
inbox.setAttribute("hub", HUB);
inbox.getToken = getToken;
// A router of your own: what is cancelled is not followed.
inbox.addEventListener("hub-activate", (event) => {
  event.preventDefault();
  history.pushState(null, "", event.detail.item.action_url ?? "/");
});
document.querySelector("#app").append(inbox);
