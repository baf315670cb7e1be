// A statement for Athena: the tables get the name of the Glue database that the project's template creates.

/** The default of the template's parameter DatabaseName. */
const DATABASE = 'tickerlake';
/** The tables and views of the template. The table of the topic is always named `quotes` there. */
const TABLES = ['quotes', 'quarantine', 'quotes_timed', 'quotes_latest', 'daily'];

const TOKEN = /(--[^\n]*|\/\*[\s\S]*?\*\/|\s+)|('(?:[^']|'')*'?)|"((?:[^"]|"")*)"|([A-Za-z_][A-Za-z_0-9]*)|([\s\S])/g;

/** Returns the statement with qualified names of tables. `topic` is the topic that is the table `quotes` here. */
export function forAthena(sql, topic) {
  const tokens = [...sql.trim().replace(/;\s*$/, '').matchAll(TOKEN)].map(([text, space, string, quoted, word, sign]) => ({
    text, isSpace: space !== undefined, name: word ?? quoted, isWord: word !== undefined, sign, isString: string !== undefined,
  }));
  const solid = tokens.filter((token) => !token.isSpace);
  const is = (token, word) => token?.isWord && token.name.toLowerCase() === word;
  // `name AS (` defines a name that is no table.
  const own = new Set(solid.filter((token, at) => token.name !== undefined && is(solid[at + 1], 'as') && solid[at + 2]?.sign === '(').map((token) => token.name.toLowerCase()));
  // Inside a FROM, by depth of parentheses: commas separate tables.
  const from = [false];
  let used = false;
  solid.forEach((token, at) => {
    const before = solid[at - 1];
    if (token.sign === '(') from.push(false);
    else if (token.sign === ')') { if (from.length > 1) from.pop(); }
    else if (is(token, 'from')) from[from.length - 1] = true;
    else if (token.isWord && /^(where|group|order|having|limit|union|intersect|except|select|window)$/i.test(token.name)) from[from.length - 1] = false;
    const isTable = token.name !== undefined && (is(before, 'from') || is(before, 'join') || (before?.sign === ',' && from.at(-1))) && solid[at + 1]?.sign !== '.' && solid[at + 1]?.sign !== '(';
    if (!isTable || own.has(token.name.toLowerCase())) return;
    const name = token.name === topic ? 'quotes' : token.name.toLowerCase();
    if (!TABLES.includes(name)) return;
    const alias = name === token.name.toLowerCase() ? '' : ` AS ${token.text}`;
    token.text = `${DATABASE}.${name}${alias && !isAliased(solid[at + 1]) ? alias : ''}`;
    used = true;
  });
  const note = used ? `-- ${DATABASE} is the template's DatabaseName, unless you chose another one.\n` : '';
  return note + tokens.map((token) => token.text).join('');
}

/** Whether the token after a table is its alias. */
function isAliased(token) {
  return token?.name !== undefined && !/^(where|group|order|having|limit|union|intersect|except|join|left|right|full|inner|cross|on|using|window)$/i.test(token.name);
}
