/**
 * A clock that stands still until it is told to go on: replaces the global timers and Date.now. (Node 20's own mock
 * timers lose timers that are set or cleared inside a callback.)
 */
export class Clock {
  #now = Date.now();
  #made = 0;
  /** @type {Map<number, {at: number, run: () => void}>} */
  #timers = new Map();
  #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, now: Date.now };

  /** Every timer set from now on waits for `pass`; `restore` gives the real ones back. */
  constructor() {
    const set = (/** @type {() => void} */ run, ms = 0) => {
      this.#timers.set(++this.#made, { at: this.#now + ms, run });
      return this.#made;
    };
    const clear = (/** @type {any} */ handle) => {
      if (typeof handle === "number") this.#timers.delete(handle);
      else this.#real.clearTimeout(handle);
    };
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    Date.now = () => this.#now;
  }

  /** Run everything that is due within this time, in order. @param {number} seconds */
  pass(seconds) {
    const end = this.#now + seconds * 1000;
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      const [handle, timer] = due;
      this.#timers.delete(handle);
      this.#now = Math.max(this.#now, timer.at);
      timer.run();
    }
    this.#now = end;
  }

  restore() {
    Object.assign(globalThis, { setTimeout: this.#real.setTimeout, clearTimeout: this.#real.clearTimeout });
    Date.now = this.#real.now;
  }
}
