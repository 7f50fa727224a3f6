/** Named events of one object, told to whoever listens. */

/** @template {object} Events name → detail */
export class Emitter {
  /** @type {{[T in keyof Events]?: Set<(detail: Events[T]) => void>}} */
  #listeners = {};

  /**
   * @template {keyof Events} T
   * @param {T} type
   * @param {(detail: Events[T]) => void} listener called once per event, however often it was added
   * @returns {() => void} takes the listener off again
   */
  on(type, listener) {
    const listeners = (this.#listeners[type] ??= new Set()).add(listener);
    return () => listeners.delete(listener);
  }

  /**
   * A listener that throws must not end the connection: its exception is reported as an uncaught one instead.
   * @template {keyof Events} T
   * @param {T} type
   * @param {Events[T]} detail
   */
  emit(type, detail) {
    for (const listener of this.#listeners[type] ?? []) {
      try {
        listener(detail);
      } catch (error) {
        (globalThis.reportError ?? console.error)(error);
      }
    }
  }
}
