/**
 * What outlives the page: the top of a person's inbox, where to resume, and marks that the hub has not answered. It is
 * kept in localStorage under the hub's address, the project and the user, and read for nobody else. Storage that is
 * full, broken or forbidden is as good as none.
 */
export declare class Cache {
    #private;
    /**
     * @param {Storage} storage
     * @param {string} prefix of all names of this hub
     */
    constructor(storage: Storage, prefix: string);
    /** @param {string} name @returns {any} what was written, null when there is nothing of use */
    read(name: string): any;
    /**
     * Write within a second.
     * @param {string} name
     * @param {() => unknown} make gives what is to be written, when it is; null: what is there stays
     */
    write(name: string, make: () => unknown): void;
    /** Write now what is due. */
    flush(): void;
    /** Nobody's inbox of this hub stays here. */
    forget(): void;
}
