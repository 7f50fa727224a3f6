/** The page that pictures are taken of: `user` signs in; with `waits` nobody gets a token, so that it stays loading. */

import "/widget/hub-inbox.js";

const asked = new URLSearchParams(location.search);
const getToken = async () => {
  if (asked.has("waits")) await new Promise(() => {});
  return (await fetch(`/token?user=${asked.get("user")}`)).text();
};
document.querySelector("hub-inbox, hub-feed").getToken = getToken;
