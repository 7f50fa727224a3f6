/**
 * A clock that stands still until it is told to go on: replaces the global timers, Date.now and performance.now. (Node
 * 20's own mock timers lose timers that are set or cleared inside a callback.)
 */
export class Clock {
  #now = Date.now();
  /** @type {Set<Timer>} */
  #timers = new Set();
  /** How far somebody has set Date.now, in milliseconds. */
  #set = 0;
  #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, now: Date.now };

  /** Every timer set from now on waits for `pass`; `restore` gives the real ones back. */
  constructor() {
    const set = (/** @type {(...given: unknown[]) => void} */ run, ms = 0, /** @type {unknown[]} */ ...given) => {
      const timer = new Timer(this.#now + ms, () => run(...given));
      this.#timers.add(timer);
      return timer;
    };
    const clear = (/** @type {any} */ timer) => {
      if (timer instanceof Timer) this.#timers.delete(timer);
      else this.#real.clearTimeout(timer);
    };
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    Date.now = () => this.#now + this.#set;
    performance.now = () => this.#now;
  }

  /** Somebody sets the clock. @param {number} seconds forward; back, if negative */
  set(seconds) {
    this.#set += seconds * 1000;
  }

  /** Run everything that is due within this time, in order. @param {number} seconds */
  pass(seconds) {
    const end = this.#now + seconds * 1000;
    for (;;) {
      const [due] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!due) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = end;
  }

  restore() {
    Object.assign(globalThis, { setTimeout: this.#real.setTimeout, clearTimeout: this.#real.clearTimeout });
    Date.now = this.#real.now;
    Reflect.deleteProperty(performance, "now");
  }
}

/** What Node's own libraries expect of a timer. */
class Timer {
  /** @param {number} at @param {() => void} run */
  constructor(at, run) {
    this.at = at;
    this.run = run;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }

  refresh() {
    return this;
  }
}
