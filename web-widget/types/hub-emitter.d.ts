/** Named events of one object, told to whoever listens. */
/** @template {object} Events name → detail */
export declare class Emitter<Events extends object> {
    #private;
    /**
     * @template {keyof Events} T
     * @param {T} type
     * @param {(detail: Events[T]) => void} listener called once per event, however often it was added
     * @returns {() => void} takes the listener off again
     */
    on<T extends keyof Events>(type: T, listener: (detail: Events[T]) => void): () => void;
    /**
     * A listener that throws must not end the connection: its exception is reported as an uncaught one instead.
     * @template {keyof Events} T
     * @param {T} type
     * @param {Events[T]} detail
     */
    emit<T extends keyof Events>(type: T, detail: Events[T]): void;
}
