/**
 * docs/widget-reference.md: what the declarations and their comments say of elements, store, client, hooks and push.
 *
 * An element is a class with `@element its-name` in its comment, beside `@attr`, `@fires`, `@slot`, `@csspart` and
 * `@cssprop`, each `name - what it is`. These must be all that the sources have. Members that are the widget's own business have `@internal`. Defaults of custom properties are taken
 * from the style sheet.
 */

/** @typedef {{docs: string[], code: string}} Statement `docs`: the comments before it, the nearest last */
/** @typedef {{text: string, tags: {tag: string, text: string}[]}} Comment */

const INTRODUCTION = `# Reference of the widget

Made from the comments in [web-widget/src](../web-widget/src) by \`make widget\`. [How to embed the inbox](howto/embed-the-inbox.md) says what to do with it, [the protocol](protocol.md) what travels.
`;

/** Chapters: what to import, and the files whose exports are told. Where names are given, no others. */
const CHAPTERS = /** @type {[title: string, from: string, files: Record<string, string[] | null>][]} */ ([
  ["The store", "@notification-hub/widget/store", { "hub-store": null, "hub-feeds": null }],
  ["The client", "@notification-hub/widget/client", { "hub-client": null, "hub-rest": ["HubError"] }],
  ["React", "@notification-hub/widget/react", { "hub-react": null }],
  ["Push", "@notification-hub/widget/push", { "hub-push": null }],
  ["Data", "", { "hub-state": ["Item", "Action", "Actor", "Counts", "Filter", "Mark", "MarkAction"] }],
]);
const TAGS = /** @type {const} */ ([
  ["attr", "attribute"],
  ["fires", "event"],
  ["slot", "slot"],
  ["csspart", "part"],
]);
/** Of every element; nobody calls them. */
const CALLBACKS = /^(connectedCallback|disconnectedCallback|attributeChangedCallback|observedAttributes|constructor)$/;

/**
 * @param {Map<string, string>} declarations text by file
 * @param {Map<string, string>} sources text by file
 * @returns {string} the page
 * @throws {Error} what pages may use and the comments do not say, or say and is not there
 */
export function reference(declarations, sources) {
  const parsed = new Map([...declarations].map(([file, text]) => [file.replace(".d.ts", ""), statements(text)]));
  const described = new Map([...parsed.values()].flatMap((found) => typedefs(found)));
  const elements = [...parsed.values()].flat().filter(({ docs }) => tagged(comment(docs.at(-1)), "element").length);
  complain(elements, sources);
  const lines = [INTRODUCTION, "## Elements", "", '`import "@notification-hub/widget";`, or one script tag.', ""];
  for (const element of elements) lines.push(...elementLines(element, sources));
  for (const [title, from, files] of CHAPTERS) {
    lines.push(`## ${title}`, "", ...(from ? [`\`import { … } from "${from}";\``, ""] : []));
    for (const [file, names] of Object.entries(files)) {
      if (names === null) lines.push(...paragraph(comment(parsed.get(file)?.[0]?.docs[0]).text));
      for (const statement of parsed.get(file) ?? []) lines.push(...exportLines(statement, names, described, parsed));
    }
  }
  return lines.join("\n").trimEnd() + "\n";
}

/** @param {Statement[]} elements @param {Map<string, string>} sources */
function complain(elements, sources) {
  const all = [...sources.values()].join("\n");
  const inSources = {
    csspart: matches(all, /\b(?:part: |iconButton\(|control\()"([\w -]+)"/g).flatMap((names) => names.split(" ")),
    cssprop: matches(all, /var\((--hub-[\w-]+)/g),
    attr: matches(all, /observedAttributes = \[([^\]]*)\]/g).flatMap((list) => matches(list, /"([\w-]+)"/g)),
  };
  const problems = Object.entries(inSources).flatMap(([tag, names]) => {
    const told = new Set(elements.flatMap(({ docs }) => tagged(comment(docs.at(-1)), tag).map(([name]) => name)));
    const there = new Set(names);
    return [
      ...[...there].filter((name) => !told.has(name)).map((name) => `no element has @${tag} ${name}`),
      ...(tag === "attr"
        ? []
        : [...told].filter((name) => !there.has(name)).map((name) => `there is no @${tag} ${name}`)),
    ];
  });
  if (problems.length) throw new Error(`The elements' comments do not fit the sources:\n  ${problems.join("\n  ")}`);
}

/** @param {Statement} statement @param {Map<string, string>} sources */
function elementLines({ docs, code }, sources) {
  const about = comment(docs.at(-1));
  const members = membersOf(code).filter(({ name, docs }) => !CALLBACKS.test(name) && docs.length);
  return [
    `### \`<${tagged(about, "element")[0]?.[0]}>\``,
    "",
    ...paragraph(about.text),
    ...TAGS.flatMap(([tag, word]) =>
      table(
        [word, ""],
        tagged(about, tag).map(([name, text]) => [code_(name), text]),
      ),
    ),
    ...table(
      ["custom property", "default", ""],
      tagged(about, "cssprop").map(([name, text]) => [code_(name), code_(fallback(name, sources)), text]),
    ),
    ...memberTables(members),
  ];
}

/**
 * @param {Statement} statement
 * @param {string[] | null} names
 * @param {Map<string, string>} described
 * @param {Map<string, Statement[]>} parsed
 * @returns {string[]}
 */
function exportLines({ docs, code }, names, described, parsed) {
  const [, kind = "", name = ""] = /^export (?:declare )?(class|function|type) (\w+)/.exec(code) ?? [];
  if (!name || (names && !names.includes(name))) return [];
  const about = comment(docs.at(-1));
  if (kind === "function") {
    return [`### \`${name}${signature(code.slice(code.indexOf(name) + name.length))}\``, "", ...called(about)];
  }
  if (kind === "type") {
    const body = code
      .slice(code.indexOf("=") + 1)
      .replace(/;$/, "")
      .trim();
    const fields = body.startsWith("{") && body.endsWith("}") ? membersOf(body) : [];
    const rows = fields.map(({ name, type, docs }) => [code_(name), code_(type), oneLine(comment(docs.at(-1)).text)]);
    const events = name.endsWith("Events");
    return [
      `### ${name}`,
      "",
      ...paragraph(described.get(name) ?? ""),
      ...(fields.length ? table([events ? "event" : "field", events ? "detail" : "", ""], rows) : [code_(body), ""]),
    ];
  }
  /** @type {Map<string, Member>} */
  const members = new Map();
  for (let at = /** @type {string | undefined} */ (code); at; at = base(at, parsed)) {
    for (const member of membersOf(at)) {
      if (member.docs.length && !members.has(member.name)) members.set(member.name, member);
    }
  }
  return [`### ${name}`, "", ...paragraph(about.text), ...memberTables([...members.values()])];
}

/** @param {string} code @param {Map<string, Statement[]>} parsed */
function base(code, parsed) {
  const [, name] = /^export declare class \w+(?:<[^{]*?>)? extends (\w+)/.exec(code) ?? [];
  return [...parsed.values()].flat().find((s) => name && s.code.startsWith(`export declare class ${name}`))?.code;
}

/** @typedef {{name: string, type: string, docs: string[], called: boolean}} Member */

/** @param {Member[]} members */
function memberTables(members) {
  const told = (/** @type {Member} */ { docs }) =>
    called(comment(docs.at(-1)))
      .join(" ")
      .trim();
  const fields = members.filter(({ called }) => !called);
  return [
    ...table(
      ["property", "", ""],
      fields.map((m) => [code_(m.name), code_(m.type), oneLine(told(m))]),
    ),
    ...table(
      ["method", ""],
      members.filter(({ called }) => called).map((m) => [code_(`${m.name}${m.type}`), oneLine(told(m))]),
    ),
  ];
}

/** Members of a class or object type; of a getter and setter, the getter. @param {string} code @returns {Member[]} */
function membersOf(code) {
  const body = code.slice(code.indexOf("{") + 1, code.lastIndexOf("}"));
  /** @type {Map<string, Member>} */
  const found = new Map();
  for (const { docs, code } of statements(body)) {
    const text = oneLine(code.replace(/;$/, ""));
    const [, name = "", rest = ""] = /^(?:readonly |static |get |set )*("?[\w#$-]+"?\??)(.*)$/.exec(text) ?? [];
    if (tagged(comment(docs.at(-1)), "internal").length) continue;
    if (!name || name.startsWith("#") || text.startsWith("private ")) continue;
    const called = /^[<(]/.test(rest) && !/^[gs]et /.test(text);
    const type = called ? signature(rest) : rest.replace(/^\(\)/, "").replace(/^: /, "");
    const before = found.get(name);
    if (!before) found.set(name, { name, type, docs, called });
    else if (!before.docs.length) before.docs = docs;
  }
  return [...found.values()].filter(({ name }) => name !== "constructor");
}

/** Statements of a declaration file or a body, with their comments. @param {string} text @returns {Statement[]} */
function statements(text) {
  /** @type {Statement[]} */
  const found = [];
  /** @type {string[]} */
  let docs = [];
  for (let at = 0; at < text.length;) {
    if (/\s/.test(text.charAt(at))) at++;
    else if (text.startsWith("/*", at)) {
      const end = text.indexOf("*/", at) + 2;
      docs.push(text.slice(at, end));
      at = end;
    } else {
      const from = at;
      const whole = /^(export )?(declare )?(class|interface)\b/.test(text.slice(at, at + 40));
      for (let depth = 0; at < text.length; at++) {
        if (text.startsWith("/*", at)) at = text.indexOf("*/", at) + 1;
        else if ("([{".includes(text.charAt(at))) depth++;
        else if (")]}".includes(text.charAt(at)) && --depth === 0 && whole && text.charAt(at) === "}") break;
        else if (text.charAt(at) === ";" && depth === 0) break;
      }
      at++;
      found.push({ docs, code: text.slice(from, at) });
      docs = [];
    }
  }
  return found;
}

/** What `@typedef` says of each type. @param {Statement[]} found @returns {[string, string][]} */
function typedefs(found) {
  const all = found.flatMap(({ docs }) => docs);
  return all.flatMap((doc) => {
    const { text, tags } = comment(doc);
    return tags.flatMap(({ tag, text: rest }) => {
      const [, name = "", after = ""] = /^(?:\{.*?\}+ )(\w+)\s*(.*)$/s.exec(rest) ?? [];
      return tag === "typedef" && name ? [/** @type {[string, string]} */ ([name, text || after])] : [];
    });
  });
}

/** @param {string} [doc] @returns {Comment} */
function comment(doc = "") {
  const lines = doc
    .replace(/^\/\*\*?|\*\/$/g, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd());
  const [text = "", ...tags] = lines.join("\n").split(/^\s*(?=@\w)|\s(?=@(?:param|returns|throws|type|internal)\b)/m);
  const first = text.trim();
  return {
    text: first.startsWith("@") ? "" : first,
    tags: (first.startsWith("@") ? [first, ...tags] : tags).map((part) => {
      const [, tag = "", rest = ""] = /^@(\w+)\s*(.*)$/s.exec(part.trim()) ?? [];
      return { tag, text: rest };
    }),
  };
}

/** @param {Comment} about @param {string} wanted @returns {[name: string, text: string][]} */
function tagged({ tags }, wanted) {
  return tags
    .filter(({ tag }) => tag === wanted)
    .map(({ text }) => {
      const [, name = "", rest = ""] = /^(\S+)(?:\s+-\s+(.*))?$/s.exec(text.trim()) ?? [];
      return [name, oneLine(rest)];
    });
}

/** A comment of something that is called, its arguments and answer after it. @param {Comment} about */
function called({ text, tags }) {
  const rest = tags.flatMap(({ tag, text }) => {
    const said = oneLine(text).replace(/^\{(?:[^{}]|\{[^{}]*\})*\}\s*/, "");
    const [, name = "", what = ""] = /^\[?([\w.]+)\]?\s*(.*)$/.exec(said) ?? [];
    if (tag === "param" && what) return [`\`${name}\`: ${what}.`];
    if (tag === "returns" && said) return [`Returns: ${said}.`];
    if (tag === "throws" && said) return [`Throws ${oneLine(text).replace(/^\{(\w+)\}/, "`$1`:")}.`];
    return [];
  });
  return [...paragraph(text), ...(rest.length ? [rest.join(" ").replace(/\.\.(?= |$)/g, "."), ""] : [])];
}

/** @param {string} name @param {Map<string, string>} sources what holds where a page sets nothing; "" when that differs */
function fallback(name, sources) {
  const found = new Set();
  for (const text of sources.values()) {
    for (let at = text.indexOf(`var(${name}`); at >= 0; at = text.indexOf(`var(${name}`, at + 1)) {
      const from = at + `var(${name}`.length;
      if (!/[,)]/.test(text.charAt(from))) continue;
      let end = from;
      for (let depth = 1; depth && end < text.length; end++) depth += { "(": 1, ")": -1 }[text.charAt(end)] ?? 0;
      found.add(oneLine(text.slice(from, end - 1).replace(/^,/, "")));
    }
  }
  return found.size === 1 ? [...found][0] : "";
}

/** @param {string} text @param {RegExp} pattern @returns {string[]} */
const matches = (text, pattern) => [...text.matchAll(pattern)].map(([, found = ""]) => found);
/** @param {string} text */
const oneLine = (text) =>
  text
    .replace(/\/\*[^]*?\*\//g, "")
    .replace(/\s+/g, " ")
    .trim();
/** @param {string} text */
const signature = (text) =>
  oneLine(text)
    .replace(/;$/, "")
    .replace(/import\("[^"]*"\)\./g, "");
/** @param {string} text */
const code_ = (text) => (text ? `\`${oneLine(text).replace(/import\("[^"]*"\)\./g, "")}\`` : "");
/** @param {string} text */
const paragraph = (text) => (text ? [sentence(text), ""] : []);
/** @param {string} text */
const sentence = (text) =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.:?!`>]$/.test(text) || text.includes("\n    ") ? "" : "."}`;

/** @param {string[]} head @param {string[][]} rows @returns {string[]} */
function table(head, rows) {
  const cells = (/** @type {string[]} */ row) => `| ${row.map((cell) => cell.replace(/\|/g, "\\|")).join(" | ")} |`;
  return rows.length ? [cells(head), `|${"---|".repeat(head.length)}`, ...rows.map(cells), ""] : [];
}
