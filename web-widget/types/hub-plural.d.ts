/** Counting in the locale files: each language has its own forms, and the browser knows which number takes which. */
/**
 * @param {string} language BCP 47
 * @returns {(forms: Partial<Record<Intl.LDMLPluralRule, string>> & {other: string}) => (count: number) => string} for
 *   each category of the language (CLDR) that is written differently its form, with `#` where the number goes
 */
export declare function plurals(language: string): (forms: Partial<Record<Intl.LDMLPluralRule, string>> & {
    other: string;
}) => (count: number) => string;
