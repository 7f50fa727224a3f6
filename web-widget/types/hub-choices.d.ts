/**
 * What a person can choose, and the merge patch that says so. Pure: each change gives the patch for
 * `PATCH /v1/inbox/preferences`, and what the switches look like once it is taken.
 */
export type Channel = "in_app" | "web_push" | "email" | "sms";
export type ChannelChoice = {
    channel: Channel;
    enabled: boolean;
};
export type CategoryChoices = {
    category: string;
    /**
     * null for `general`
     */
    label: string | null;
    description: string | null;
    /**
     * nothing of it can be switched off
     */
    required: boolean;
    /**
     * outside the app it needs the person's
     */
    consent: boolean;
    /**
     * false: the person switched it off altogether
     */
    enabled: boolean;
    /**
     * those of its ladder
     */
    channels: ChannelChoice[];
};
export type QuietWindow = {
    /**
     * 1 Monday … 7 Sunday
     */
    days: number[];
    /**
     * HH:MM
     */
    from: string;
    /**
     * HH:MM
     */
    to: string;
};
export type Choices = {
    channels: ChannelChoice[];
    categories: CategoryChoices[];
    quiet_hours: {
        timezone: string;
        weekly: QuietWindow[];
        layer: string;
    } | null;
    paused_until: string | null;
    /**
     * "person", "tenant" or "project"
     */
    paused_by: string | null;
    /**
     * the person's, else the project's
     */
    timezone: string;
};
export type Change = {
    patch: Record<string, any>;
    after: Choices;
};
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
export declare function switchCategory(choices: Choices, name: string, channel: Channel, on: boolean): Change;
/**
 * A channel for everything. Switched off, what categories said in its favour is taken back; what is required stays.
 * @param {Choices} choices
 * @param {Channel} channel
 * @param {boolean} on
 * @returns {Change} `after` guesses, when it is switched on, that nothing else speaks against it
 */
export declare function switchChannel(choices: Choices, channel: Channel, on: boolean): Change;
/**
 * @param {Choices} choices
 * @param {Date | null} until null: no pause, also where tenant or project made one, which only a time that has passed
 *   overrules
 * @returns {Change}
 */
export declare function pause(choices: Choices, until: Date | null): Change;
/**
 * @param {Choices} choices
 * @param {QuietWindow[]} weekly none: no quiet hours, whatever is usual
 * @param {string} timezone IANA
 * @returns {Change}
 */
export declare function setQuietHours(choices: Choices, weekly: QuietWindow[], timezone: string): Change;
