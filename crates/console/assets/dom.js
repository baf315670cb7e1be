// Builds elements. Text becomes text nodes, never markup: values of records cannot add elements or scripts.

/** Creates an element. `on...` attributes are listeners; `false` and `null` are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  set(node, attributes);
  node.append(...flat(children));
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  set(node, attributes);
  node.append(...flat(children));
  return node;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'value') node.value = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

/** Replaces the children of an element. */
export function fill(node, ...children) {
  node.replaceChildren(...flat(children));
  return node;
}

/**
 * Makes `nodes` the children of an element. Those that are its children already are not replaced, so that a press that has
 * begun on one becomes a click, and that the focus stays; the focus of one that goes moves to the next.
 */
export function keep(node, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...node.children]) {
    if (wanted.has(child)) continue;
    const isFocused = child.contains(document.activeElement);
    child.remove();
    if (isFocused) (nodes.find((one) => one.isConnected) ?? node).focus();
  }
  let next = node.firstChild;
  for (const one of nodes) {
    if (one === next) next = next.nextSibling; else node.insertBefore(one, next);
  }
}

/** Sets the text of an element if it differs, so that unchanged text is not laid out again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A table. `columns` have `name`, `numeric` and `cell(row)`; rows are added as the user scrolls. */
export function table(columns, rows, { caption, onrow, chunk = 200 } = {}) {
  const body = el('tbody');
  const head = el('tr', {}, columns.map((column) => el('th', { scope: 'col', class: column.numeric && 'num' }, column.name)));
  const node = el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    el('table', {}, caption && el('caption', { class: 'sr' }, caption), el('thead', {}, head), body));
  let shown = 0;
  const more = () => {
    for (const row of rows.slice(shown, shown + chunk)) {
      const line = el('tr', {}, columns.map((column) => {
        const value = column.cell(row);
        const isNull = value === null || value === undefined;
        const content = isNull ? 'null' : value;
        // The click on the button is the row's, too.
        return el('td', { class: [column.numeric && 'num', isNull && 'null', column.class].filter(Boolean).join(' ') || null },
          onrow && column === columns[0] ? el('button', { type: 'button', class: 'row-button', title: 'Show the details' }, content) : content);
      }));
      if (onrow) {
        line.classList.add('link');
        line.addEventListener('click', () => onrow(row));
      }
      body.append(line);
    }
    shown = Math.min(rows.length, shown + chunk);
  };
  more();
  node.addEventListener('scroll', () => {
    if (shown < rows.length && node.scrollTop + node.clientHeight > node.scrollHeight - 600) more();
  }, { passive: true });
  return node;
}

/** Shows a dialog. It closes with Escape, its button, or a click outside. */
export function openDialog(title, ...content) {
  const dialog = document.getElementById('dialog');
  fill(dialog,
    el('div', { class: 'dialog-head' },
      el('h2', { id: 'dialog-title' }, title),
      el('button', { type: 'button', class: 'icon', onclick: () => dialog.close() }, el('span', { 'aria-hidden': 'true' }, '✕'), el('span', { class: 'sr' }, 'Close'))),
    el('div', { class: 'dialog-body' }, content));
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  if (!dialog.open) dialog.showModal();
  return dialog;
}

/** A message in place of content that is empty, loading or failed. */
export function note(text, kind = '') {
  return el('p', { class: `note ${kind}`, role: kind === 'error' ? 'alert' : null }, text);
}

export function button(text, onclick, attributes = {}) {
  return el('button', { type: 'button', onclick, ...attributes }, text);
}

/** Copies text, and says so on the button for a moment. */
export async function copy(text, node) {
  const label = node.textContent;
  try {
    await navigator.clipboard.writeText(text);
    node.textContent = 'Copied';
  } catch {
    openDialog('Copy', el('textarea', { class: 'mono', rows: '8', readonly: true, 'aria-label': 'Text to copy', value: text }));
    return;
  }
  setTimeout(() => { node.textContent = label; }, 1200);
}
