/**
 * What outlives the page: the top of a person's inbox, where to resume, and marks that the hub has not answered. It is
 * kept in localStorage under the hub's address, the project and the user, and read for nobody else. Storage that is
 * full, broken or forbidden is as good as none.
 */

/** At most so often is it written. */
const WRITE_MS = 1000;

export class Cache {
  #storage;
  #prefix;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {(() => void) | null} what is still to be written */
  #due = null;

  /**
   * @param {Storage} storage
   * @param {string} prefix of all names of this hub
   */
  constructor(storage, prefix) {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  /** @param {string} name @returns {any} what was written, null when there is nothing of use */
  read(name) {
    try {
      return JSON.parse(this.#storage.getItem(name) ?? "null");
    } catch {
      return null;
    }
  }

  /**
   * Write within a second.
   * @param {string} name
   * @param {() => unknown} make gives what is to be written, when it is; null: what is there stays
   */
  write(name, make) {
    this.#due = () => {
      const value = make();
      if (!value) return;
      try {
        this.#storage.setItem(name, JSON.stringify(value));
      } catch {
        // Full: rather nothing than an old inbox.
        this.#storage.removeItem(name);
      }
    };
    this.#timer ??= setTimeout(() => this.flush(), WRITE_MS);
  }

  /** Write now what is due. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due?.();
    this.#due = null;
  }

  /** Nobody's inbox of this hub stays here. */
  forget() {
    this.#due = null;
    try {
      for (const name of Object.keys(this.#storage)) {
        if (name.startsWith(this.#prefix)) this.#storage.removeItem(name);
      }
    } catch {
      // Forbidden, so there is nothing.
    }
  }
}
