/**
 * What a person can choose, and the merge patch that says so. Pure: each change gives the patch for
 * `PATCH /v1/inbox/preferences`, and what the switches look like once it is taken.
 */

/** @typedef {"in_app" | "web_push" | "email" | "sms"} Channel */
/** @typedef {{channel: Channel, enabled: boolean}} ChannelChoice */

/**
 * @typedef {object} CategoryChoices
 * @property {string} category
 * @property {string | null} label null for `general`
 * @property {string | null} description
 * @property {boolean} required nothing of it can be switched off
 * @property {boolean} consent outside the app it needs the person's
 * @property {boolean} enabled false: the person switched it off altogether
 * @property {ChannelChoice[]} channels those of its ladder
 */

/**
 * @typedef {object} QuietWindow begins on these days; one that ends no later than it begins ends on the next day
 * @property {number[]} days 1 Monday … 7 Sunday
 * @property {string} from HH:MM
 * @property {string} to HH:MM
 */

/**
 * @typedef {object} Choices the answer of `GET /v1/inbox/preferences/choices`
 * @property {ChannelChoice[]} channels
 * @property {CategoryChoices[]} categories
 * @property {{timezone: string, weekly: QuietWindow[], layer: string} | null} quiet_hours
 * @property {string | null} paused_until
 * @property {string | null} paused_by "person", "tenant" or "project"
 * @property {string} timezone the person's, else the project's
 */

/** @typedef {{patch: Record<string, any>, after: Choices}} Change */

/**
 * One channel of one category. A category that was off altogether comes back with nothing but this channel; where a
 * consent is needed, it covers exactly the channels that are on.
 * @param {Choices} choices
 * @param {string} name of the category
 * @param {Channel} channel
 * @param {boolean} on
 * @returns {Change}
 */
export function switchCategory(choices, name, channel, on) {
  const after = structuredClone(choices);
  const category = /** @type {CategoryChoices} */ (after.categories.find((one) => one.category === name));
  const wasOff = !category.enabled && on;
  for (const one of category.channels) {
    if (one.channel === channel) one.enabled = on;
    else if (wasOff) one.enabled = false;
  }
  const said = wasOff ? category.channels : [{ channel, enabled: on }];
  /** @type {Record<string, any>} */
  const choice = { channels: Object.fromEntries(said.map((one) => [one.channel, one.enabled])) };
  if (wasOff) {
    choice.enabled = null;
    category.enabled = true;
  }
  /** @type {Record<string, any>} */
  const patch = { categories: { [name]: choice } };
  if (category.consent && channel !== "in_app") {
    const covered = category.channels
      .filter((one) => one.enabled && one.channel !== "in_app")
      .map((one) => one.channel);
    patch.consents = { [name]: { granted: covered.length > 0, channels: covered.length ? covered : null } };
  }
  return { patch, after };
}

/**
 * A channel for everything. Switched off, what categories said in its favour is taken back; what is required stays.
 * @param {Choices} choices
 * @param {Channel} channel
 * @param {boolean} on
 * @returns {Change} `after` guesses, when it is switched on, that nothing else speaks against it
 */
export function switchChannel(choices, channel, on) {
  const after = structuredClone(choices);
  /** @type {Record<string, any>} */
  const categories = {};
  for (const one of after.channels) if (one.channel === channel) one.enabled = on;
  for (const category of after.categories) {
    const own = category.channels.find((one) => one.channel === channel);
    if (!own || category.required || own.enabled === on) continue;
    if (!on) categories[category.category] = { channels: { [channel]: null } };
    own.enabled = on && category.enabled && !category.consent;
  }
  const patch = { channels: { [channel]: on }, ...(Object.keys(categories).length && { categories }) };
  return { patch, after };
}

/**
 * @param {Choices} choices
 * @param {Date | null} until null: no pause, also where tenant or project made one, which only a time that has passed
 *   overrules
 * @returns {Change}
 */
export function pause(choices, until) {
  const overruled = !until && choices.paused_by && choices.paused_by !== "person";
  const end = (overruled ? new Date(0) : until)?.toISOString() ?? null;
  const after = { ...choices, paused_until: until && end, paused_by: until && "person" };
  return { patch: { paused_until: end }, after };
}

/**
 * @param {Choices} choices
 * @param {QuietWindow[]} weekly none: no quiet hours, whatever is usual
 * @param {string} timezone IANA
 * @returns {Change}
 */
export function setQuietHours(choices, weekly, timezone) {
  // Their own zone is not written down: the hours move with them.
  const said = { weekly, timezone: timezone === choices.timezone ? null : timezone };
  return { patch: { quiet_hours: said }, after: { ...choices, quiet_hours: { weekly, timezone, layer: "person" } } };
}
