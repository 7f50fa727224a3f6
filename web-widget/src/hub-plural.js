/** Counting in the locale files: each language has its own forms, and the browser knows which number takes which. */

/**
 * @param {string} language BCP 47
 * @returns {(forms: Partial<Record<Intl.LDMLPluralRule, string>> & {other: string}) => (count: number) => string} for
 *   each category of the language (CLDR) that is written differently its form, with `#` where the number goes
 */
export function plurals(language) {
  const rules = new Intl.PluralRules(language);
  const number = new Intl.NumberFormat(language);
  return (forms) => (count) => (forms[rules.select(count)] ?? forms.other).replace("#", number.format(count));
}
