// The prefixes of the lake and their sizes.

import { el, fill, note, table } from './dom.js';
import { count, plural, size } from './format.js';
import { get } from './net.js';

export class LakeView {
  constructor(node, context) {
    this.context = context;
    this.body = el('div', { class: 'stack', id: 'lake' });
    node.append(el('h2', { class: 'sr' }, 'Lake'), this.body);
  }

  async onshow() {
    fill(this.body, el('div', { class: 'panel' }, note('Listing…')));
    try {
      const { location, prefixes, objects, bytes } = await get('/api/lake');
      const most = Math.max(1, ...prefixes.map((prefix) => prefix.bytes));
      fill(this.body,
        el('div', { class: 'panel view-head' }, el('h3', {}, location), el('span', { class: 'status' }, `${plural(objects, 'object', 'objects')}, ${size(bytes)}`)),
        el('div', { class: 'panel' }, prefixes.length === 0 ? note('The lake is empty.') : table([
          { name: 'prefix', class: 'mono', cell: (row) => row.prefix },
          { name: 'objects', numeric: true, cell: (row) => count(row.objects) },
          { name: 'size', numeric: true, cell: (row) => size(row.bytes) },
          { name: 'share', class: 'share', cell: (row) => { const part = el('i', { 'aria-hidden': 'true' }); part.style.width = `${(row.bytes / most) * 100}%`; return part; } },
        ], prefixes, { caption: 'Prefixes' })));
    } catch (error) {
      fill(this.body, el('div', { class: 'panel' }, note(error.message, 'error')));
    }
  }
}
