/**
 * The look, as one constructable sheet for all instances: no <style>, so no nonce is needed under a strict policy. What
 * a page may set are the `--hub-*` properties and the parts; `--_*` are ours.
 */
/** Made at first use, so that importing needs no browser. */
export declare function styleSheet(): CSSStyleSheet;
