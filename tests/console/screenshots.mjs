// Makes the screenshots of the README and of the book, from the sample and a fixed seed:
//
//   tests/console/check --module screenshots --screenshots docs/src/images

import { bars, candlePixels, until } from './page.mjs';
import { seal, stayed } from './runs.mjs';

export const screenshots = {
  async console(tools) {
    const { run, url } = await stayed(tools, ['--order', 'sample', '--seed', tools.seed]);
    const page = await tools.open(url, { reducedMotion: 'reduce' });
    await until('the seal is good', async () => (await seal(page)).includes('good'));
    await until('candles', async () => (await bars(page)) > 0 && (await candlePixels(page)) > 1000);
    // Fonts and the last frame.
    await page.waitForTimeout(500);
    await tools.shot(page, 'console');
    await tools.end(run);
  },
};
