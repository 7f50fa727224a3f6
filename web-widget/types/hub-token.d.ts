/** The client token: asked of the page's callback, kept while it is good, never stored and never written anywhere. */
export declare class TokenKeeper {
    #private;
    /** @type {string | null} the one held, good or not */
    held: string | null;
    /** @param {() => string | null | Promise<string | null>} getToken */
    constructor(getToken: () => string | null | Promise<string | null>);
    /**
     * The token to use now: the one held while it is good, else a new one; whoever asks meanwhile gets the same.
     * @param {boolean} [fresh] a new one in any case
     * @returns {Promise<string | null>} null: there is nobody signed in
     * @throws whatever the callback throws
     */
    take(fresh?: boolean): Promise<string | null>;
    /** @returns {number | null} seconds until the next one should be asked for; null when nothing tells */
    renewal(): number | null;
}
