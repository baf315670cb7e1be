// The theme: that of the system, or the one that the user chose.

const order = ['system', 'light', 'dark'];
const marks = { system: '◐', light: '○', dark: '●' };
const listeners = new Set();

export function onTheme(listener) { listeners.add(listener); }

/** Returns the value of a custom property of the theme. */
export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function stored() {
  try { return localStorage.getItem('theme') ?? 'system'; } catch { return 'system'; }
}

function apply(theme) {
  if (theme === 'system') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.dataset.theme = theme;
  document.getElementById('theme-mark').textContent = marks[theme];
  document.getElementById('theme').title = `Theme: ${theme}`;
  for (const listener of listeners) listener();
}

export function startTheme() {
  let theme = order.includes(stored()) ? stored() : 'system';
  apply(theme);
  document.getElementById('theme').addEventListener('click', () => {
    theme = order[(order.indexOf(theme) + 1) % order.length];
    try { localStorage.setItem('theme', theme); } catch { /* Without storage, the theme lasts as long as the page. */ }
    apply(theme);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => apply(theme));
}
