/**
 * What all parts look alike in, and the bell, as one constructable sheet for all instances: no <style>, so no nonce is
 * needed under a strict policy. Panel, feed and row have sheets of their own. What a page may set are the `--hub-*`
 * properties and the parts; `--_*` are ours. Distances are multiples of 4 px.
 */
/** Made at first use, so that importing needs no browser. @param {string} [css] */
export declare function styleSheet(css?: string): CSSStyleSheet;
/**
 * Add a sheet to a root that does not have it.
 * @param {ShadowRoot} root
 * @param {string} css
 */
export declare function adopt(root: ShadowRoot, css: string): void;
