// What the checks and measurements read from a page.

export const number = (text) => Number(text.replaceAll(',', ''));
export const text = (page, selector) => page.locator(selector).textContent();
export const until = async (what, test, seconds = 60) => {
  const limit = Date.now() + seconds * 1000;
  for (;;) {
    const value = await test();
    if (value) return value;
    if (Date.now() > limit) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

/** Number of candles that the chart has: the count that the note below it states. */
export const bars = async (page) => number(/^([\d,]+) bars?/.exec(await text(page, '#chart-note'))?.[1] ?? '0');

/** Number of coloured pixels of the chart's canvases, which are drawn only for candles. */
export const candlePixels = (page) => page.evaluate(() => {
  const wanted = ['--up', '--down'].map((name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim())
    .map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  let count = 0;
  for (const canvas of document.querySelectorAll('#chart canvas')) {
    if (!canvas.width || !canvas.height) continue;
    // A copy: reading a canvas of the chart makes the browser warn.
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] > 200 && wanted.some((color) => color.every((value, index) => Math.abs(value - data[at + index]) < 3))) count += 1;
    }
  }
  return count;
});

export async function openTab(page, name) {
  await page.click(`#tab-${name}`);
  await page.waitForSelector(`#view-${name}:not([hidden])`);
}
