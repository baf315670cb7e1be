// Reads the text of JSON without changing it: the fields of an object as they are written, and the first place at which a
// text is wrong. `JSON.parse` can do neither: it makes 1.1 of 1.10, and not every browser says where it failed.

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0].length ?? 0;
}

/** Returns the end of the string that begins at `at`, or `{ fault }`. */
function string(text, at) {
  for (let end = at + 1; ;) {
    const char = text[end];
    if (char === '"') return { end: end + 1 };
    if (char === undefined || char < ' ') return { fault: end };
    if (char !== '\\') { end += 1; continue; }
    const length = match(ESCAPE, text, end);
    if (!length) return { fault: end };
    end += length;
  }
}

/**
 * Reads a text. Returns `fields` of the outermost object, each with its name, and where its name and its value begin and end; `fault`, the index of the first character that is not JSON, or null; and `deep`, the index at which
 * values nest deeper than `maxDepth`, or null.
 */
export function read(text, maxDepth = Infinity) {
  const fields = [];
  const open = [];
  let deep = null;
  let field = null;
  let at = match(SPACE, text, 0);
  // What may follow: a value, a name or the end of an empty object, a value or the end of an empty array, or what follows a value.
  let expected = 'value';
  const result = (fault) => ({ fields, fault, deep });
  const ended = () => {
    if (open.length === 1 && field) { field.end = at; fields.push(field); field = null; }
    expected = 'after';
  };
  for (;;) {
    at += match(SPACE, text, at);
    const char = text[at];
    if (expected === 'after') {
      if (!open.length) return result(at < text.length ? at : null);
      if (char === open.at(-1)) { at += 1; open.pop(); ended(); continue; }
      if (char !== ',') return result(at);
      at += 1;
      expected = open.at(-1) === '}' ? 'name' : 'value';
      continue;
    }
    if (expected === 'first' && char === open.at(-1)) { at += 1; open.pop(); ended(); continue; }
    if (expected === 'name' || (expected === 'first' && open.at(-1) === '}')) {
      if (char !== '"') return result(at);
      const { end, fault } = string(text, at);
      if (end === undefined) return result(fault);
      const nameAt = at;
      at = end;
      at += match(SPACE, text, at);
      if (text[at] !== ':') return result(at);
      at += 1;
      at += match(SPACE, text, at);
      if (open.length === 1) field = { name: JSON.parse(text.slice(nameAt, end)), nameAt, nameEnd: end, start: at };
      expected = 'value';
      continue;
    }
    if (char === '{' || char === '[') {
      open.push(char === '{' ? '}' : ']');
      if (open.length > maxDepth) deep ??= at;
      at += 1;
      expected = 'first';
    } else if (char === '"') {
      const { end, fault } = string(text, at);
      if (end === undefined) return result(fault);
      at = end;
      ended();
    } else {
      const length = match(NUMBER, text, at) || match(WORD, text, at);
      if (!length) return result(at);
      at += length;
      ended();
    }
  }
}

/** The fields of an object as `[name, text of the value]`, with strings as their content and all else as written. */
export function fieldTexts(text) {
  return read(text).fields.map(({ name, start, end }) => [name, text[start] === '"' ? JSON.parse(text.slice(start, end)) : text.slice(start, end)]);
}

/** Index of the character that contains a byte of the text's UTF-8. */
function indexOfByte(text, byte) {
  let bytes = 0;
  let at = 0;
  for (const char of text) {
    const code = char.codePointAt(0);
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > byte) break;
    at += char.length;
  }
  return at;
}

/** A name that the sink has written in Rust's form, without what it has cut off. */
function nameOf(quoted) {
  try { return JSON.parse(quoted); } catch { return quoted.slice(1, -1); }
}

/**
 * Returns where a value is wrong, as `[start, end]`, or null if no single place is. The sink's reason names the byte, or the
 * field; if it names neither, the first place that is not JSON counts.
 */
export function faultOf(text, reason) {
  const byte = / at byte (\d+)/.exec(reason)?.[1];
  if (byte !== undefined) { const at = indexOfByte(text, Number(byte)); return [at, at + 1]; }
  const depth = /^nested deeper than (\d+)/.exec(reason)?.[1];
  const { fields, fault, deep } = read(text, depth === undefined ? Infinity : Number(depth));
  if (deep !== null) return [deep, deep + 1];
  if (fault !== null) return [fault, fault + 1];
  if (/^not an object/.test(reason)) { const at = match(SPACE, text, 0); return [at, at + 1]; }
  const named = /^field ("(?:[^"\\]|\\.)*")/.exec(reason)?.[1];
  if (named !== undefined) {
    const name = nameOf(named);
    // Of two equal names, the later one is wrong.
    const found = fields.findLast((field) => field.name === name) ?? fields.findLast((field) => field.name.startsWith(name.replace(/…?(\.\.\.)?$/, '')));
    return found ? [found.nameAt, found.nameEnd] : null;
  }
  const column = /^(?:partition field ("(?:[^"\\]|\\.)*")|column (.+?)):/.exec(reason);
  if (column) {
    const name = (column[1] === undefined ? column[2] : nameOf(column[1])).toLowerCase();
    const found = fields.findLast((field) => field.name.toLowerCase() === name);
    return found ? [found.start, found.end] : null;
  }
  return null;
}
