/** Named timers of one owner: setting a name again replaces it, and all end together. */
export declare class Timers {
    #private;
    /**
     * @param {string} name
     * @param {number} seconds
     * @param {() => void} run
     */
    set(name: string, seconds: number, run: () => void): void;
    /** @param {string} name */
    has(name: string): boolean;
    /** @param {string[]} names all, if none is given */
    clear(...names: string[]): void;
}
