// The chart of one symbol: candlesticks with volume, moving averages and drawdown.

import {
  AreaSeries, CandlestickSeries, HistogramSeries, LineSeries, createChart, CrosshairMode, PriceScaleMode,
} from './vendor/lightweight-charts.js';
import { color, onTheme } from './theme.js';
import { el, fill } from './dom.js';
import { barTime, percent, price, volume } from './format.js';

const AVERAGES = [[20, 'average-1'], [50, 'average-2']];
/** Number of bars that the server sends at most. A chart that grows beyond it drops its oldest ones, some at a time. */
const MAX_BARS = 20_000;
const SPARE_BARS = 1_000;

export class PriceChart {
  constructor(node) {
    this.bars = [];
    this.length = '1d';
    this.legend = el('div', { class: 'legend', 'aria-hidden': 'true' });
    this.frame = el('div', { class: 'chart-frame' });
    this.node = node;
    node.setAttribute('role', 'img');
    node.append(this.frame, this.legend);
    this.chart = createChart(this.frame, {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11, background: { color: 'transparent' } },
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false, rightOffset: 4, minBarSpacing: 0.05 },
      localization: { locale: 'en-US', timeFormatter: (time) => barTime(time, this.length) },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { priceFormat: { type: 'custom', minMove: 0.000001, formatter: price } });
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.12, bottom: 0.2 } });
    this.volumes = this.chart.addSeries(HistogramSeries, { priceScaleId: 'volume', priceFormat: { type: 'volume' }, lastValueVisible: false, priceLineVisible: false });
    this.chart.priceScale('volume').applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.averages = AVERAGES.map(() => this.chart.addSeries(LineSeries, { lineWidth: 1, lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false }));
    this.drawdown = this.chart.addSeries(AreaSeries, { lineWidth: 1, lastValueVisible: true, priceLineVisible: false, priceFormat: { type: 'custom', minMove: 0.01, formatter: (value) => percent(value, 1) } }, 1);
    this.chart.panes()[0].setStretchFactor(4);
    this.chart.panes()[1].setStretchFactor(1);
    this.chart.subscribeCrosshairMove((move) => this.showLegend(move.time));
    onTheme(() => this.applyTheme());
    this.applyTheme();
  }

  applyTheme() {
    const [up, down, line, text] = ['up', 'down', 'line', 'muted'].map(color);
    this.chart.applyOptions({
      layout: { textColor: text, panes: { separatorColor: line, separatorHoverColor: line } },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
    });
    this.candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false });
    this.averages.forEach((series, at) => series.applyOptions({ color: color(AVERAGES[at][1]) }));
    const area = color('drawdown');
    this.drawdown.applyOptions({ lineColor: area, topColor: `${area}10`, bottomColor: `${area}66`, invertFilledArea: false });
    if (this.bars.length) this.volumes.setData(this.bars.map((bar) => this.volumeOf(bar)));
  }

  /** Replaces all bars. */
  set(bars, length) {
    this.length = length;
    this.bars = bars;
    this.chart.timeScale().applyOptions({ timeVisible: !['1d', '1w', '1mo'].includes(length), secondsVisible: /^\d+s$/.test(length) });
    // Copies, because the library adds to what it is given.
    this.candles.setData(bars.map((bar) => ({ ...bar })));
    this.volumes.setData(bars.map((bar) => this.volumeOf(bar)));
    AVERAGES.forEach(([period], at) => this.averages[at].setData(bars.map((bar, index) => this.averageAt(index, period)).filter(Boolean)));
    this.peak = -Infinity;
    this.peakBefore = -Infinity;
    this.drawdown.setData(bars.map((bar) => this.drawdownOf(bar, true)));
    this.showLegend(null);
  }

  /** Sets the text alternative: what is shown, and the last bar. */
  describe(symbol) {
    const bar = this.bars.at(-1);
    const last = bar ? ` The last one, ${barTime(bar.time, this.length)}: open ${price(bar.open)}, high ${price(bar.high)}, low ${price(bar.low)}, close ${price(bar.close)}, volume ${bar.volume === null ? 'not known' : volume(bar.volume)}.` : '';
    const text = `Candlesticks of ${symbol} with volume, moving averages and drawdown: ${this.bars.length} bars of ${this.length}.${last}`;
    if (this.node.getAttribute('aria-label') !== text) this.node.setAttribute('aria-label', text);
  }

  /** Drops the oldest bars, and keeps what is in view. */
  dropOldest() {
    const dropped = this.bars.length - MAX_BARS;
    const range = this.chart.timeScale().getVisibleLogicalRange();
    this.set(this.bars.slice(dropped), this.length);
    if (range) this.chart.timeScale().setVisibleLogicalRange({ from: range.from - dropped, to: range.to - dropped });
  }

  /** Shows the last bars at a readable width. */
  showLast(count = 160) {
    const to = this.bars.length + 3;
    this.chart.timeScale().setVisibleLogicalRange({ from: Math.max(-2, to - count), to });
  }

  showAll() { this.chart.timeScale().fitContent(); }

  /** Replaces the last bar, or appends one. Returns `false` if the bar is older than the last. */
  update(bar) {
    const last = this.bars.at(-1);
    if (last && bar.time < last.time) return false;
    const isNew = !last || bar.time > last.time;
    if (isNew) this.bars.push(bar); else this.bars[this.bars.length - 1] = bar;
    if (this.bars.length >= MAX_BARS + SPARE_BARS) { this.dropOldest(); return true; }
    this.candles.update({ ...bar });
    this.volumes.update(this.volumeOf(bar));
    AVERAGES.forEach(([period], at) => {
      const point = this.averageAt(this.bars.length - 1, period);
      if (point) this.averages[at].update(point);
    });
    this.drawdown.update(this.drawdownOf(bar, isNew));
    if (!this.isHovered) this.showLegend(null);
    return true;
  }

  setLog(isLog) {
    this.candles.priceScale().applyOptions({ mode: isLog ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal });
  }

  /** The column of a volume. One that is not known has none. */
  volumeOf(bar) {
    if (bar.volume === null) return { time: bar.time };
    return { time: bar.time, value: bar.volume, color: `${color(bar.close >= bar.open ? 'up' : 'down')}55` };
  }

  averageAt(index, period) {
    if (index + 1 < period) return null;
    let sum = 0;
    for (let at = index - period + 1; at <= index; at += 1) sum += this.bars[at].close;
    return { time: this.bars[index].time, value: sum / period };
  }

  /** The drawdown from the highest close so far. `isNew` is `false` if the bar replaces the last one. */
  drawdownOf(bar, isNew) {
    if (isNew) this.peakBefore = this.peak;
    this.peak = Math.max(this.peakBefore, bar.close);
    return { time: bar.time, value: (bar.close / this.peak - 1) * 100 };
  }

  showLegend(time) {
    this.isHovered = time !== null && time !== undefined;
    const index = this.isHovered ? this.bars.findIndex((bar) => bar.time === time) : this.bars.length - 1;
    const bar = this.bars[index];
    if (!bar) { fill(this.legend); return; }
    const before = this.bars[index - 1];
    const change = before ? (bar.close / before.close - 1) * 100 : null;
    const kind = bar.close >= bar.open ? 'up' : 'down';
    fill(this.legend,
      el('span', {}, barTime(bar.time, this.length)),
      [['O', bar.open], ['H', bar.high], ['L', bar.low], ['C', bar.close]].map(([name, value]) => el('span', { class: kind }, el('b', {}, name), price(value))),
      change !== null && el('span', { class: change >= 0 ? 'up' : 'down' }, percent(change)),
      el('span', {}, el('b', {}, 'Vol'), volume(bar.volume)),
      AVERAGES.map(([period, name]) => {
        const point = this.averageAt(index, period);
        return point && el('span', { class: name }, el('b', {}, `MA${period}`), price(point.value));
      }));
  }
}
