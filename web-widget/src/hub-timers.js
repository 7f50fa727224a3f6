/** Named timers of one owner: setting a name again replaces it, and all end together. */
export class Timers {
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #handles = new Map();

  /**
   * @param {string} name
   * @param {number} seconds
   * @param {() => void} run
   */
  set(name, seconds, run) {
    this.clear(name);
    const timer = setTimeout(() => {
      this.#handles.delete(name);
      run();
    }, seconds * 1000);
    this.#handles.set(name, timer);
  }

  /** @param {string} name */
  has(name) {
    return this.#handles.has(name);
  }

  /** @param {string[]} names all, if none is given */
  clear(...names) {
    for (const name of names.length ? names : [...this.#handles.keys()]) {
      clearTimeout(this.#handles.get(name));
      this.#handles.delete(name);
    }
  }
}
