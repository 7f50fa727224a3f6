import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import * as feed from "../src/hub-feed.js";
import * as menu from "../src/hub-menu.js";
import * as panel from "../src/hub-panel.js";
import * as preferences from "../src/hub-preferences.js";
import * as prompt from "../src/hub-push-prompt.js";
import * as row from "../src/hub-row.js";
import { ENGLISH, LOCALES } from "../src/hub-text.js";

/** What each module that has words of its own says in English. */
const SAID = [ENGLISH, panel.WORDS, feed.WORDS, row.WORDS, menu.WORDS, preferences.WORDS, prompt.WORDS];
/** @type {Record<string, any>} */
const CATALOGUE = Object.assign({}, ...SAID);
const LANGUAGES = Object.keys(LOCALES);
/** Numbers that between them take every form of the languages here. */
const COUNTS = [0, 1, 2, 3, 5, 11, 22, 25, 100, 101, 1_000_000];

/** @param {string} language @returns {Promise<Record<string, any>>} */
const words = async (language) => (await import(`../src/hub-locale-${language}.js`)).default;

test("no word is said twice under one name", () => {
  const names = SAID.flatMap((said) => Object.keys(said));
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
  );
});

test("the files are the languages that are named", async () => {
  const files = (await readdir(new URL("../src/", import.meta.url))).filter((name) => name.startsWith("hub-locale-"));
  assert.deepEqual(files.sort(), LANGUAGES.map((language) => `hub-locale-${language}.js`).sort());
  assert.equal(LANGUAGES.length, 11);
});

for (const language of LANGUAGES) {
  test(`${language} says everything, in the same shapes, and nothing is left in English`, async () => {
    const said = await words(language);
    assert.deepEqual(Object.keys(said).sort(), Object.keys(CATALOGUE).sort());
    for (const [name, english] of Object.entries(CATALOGUE)) {
      assert.equal(typeof said[name], typeof english, name);
      const [here, there] = [said[name], english].map((one) => (typeof one === "string" ? one : one(7)));
      assert.ok(here.trim(), name);
      assert.doesNotMatch(here, /undefined|NaN|\{|#/, name);
      // Long words may be borrowed, sentences are not.
      if (there.length > 14) assert.notEqual(here, there, name);
    }
  });

  test(`${language} counts as its people do`, async () => {
    const said = await words(language);
    const rules = new Intl.PluralRules(language);
    const number = new Intl.NumberFormat(language);
    for (const name of ["bell", "more", "newer", "arrived"]) {
      /** @type {Map<string, string>} the text around the number, by form */
      const forms = new Map();
      for (const count of COUNTS) {
        const text = said[name](count);
        assert.doesNotMatch(text, /#|undefined/);
        if (count === 0) continue;
        const form = rules.select(count);
        const around = text.replace(number.format(count), "#");
        assert.equal(forms.get(form) ?? around, around, `${name}(${count}) is ${form} as others are`);
        forms.set(form, around);
        // One and two may be words of their own; what is more is a number that can be read.
        if (count > 2) assert.ok(text.includes(number.format(count)), text);
      }
    }
    assert.equal(said.bell(0), said.title);
  });
}

test("where a language has more forms than English, they are used", async () => {
  const polish = await words("pl");
  assert.deepEqual(
    [1, 2, 5, 22, 25].map((count) => polish.arrived(count)),
    [
      "1 nowe powiadomienie",
      "2 nowe powiadomienia",
      "5 nowych powiadomień",
      "22 nowe powiadomienia",
      "25 nowych powiadomień",
    ],
  );
  const arabic = await words("ar");
  assert.equal(new Set([1, 2, 3, 11, 100].map((count) => arabic.arrived(count))).size, 5);
});
