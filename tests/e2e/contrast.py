"""How clearly the texts of a page differ from what is behind them.

The measure is the contrast ratio of WCAG 2.2 (1.4.3).
"""

from __future__ import annotations

__all__ = ["FAINT_TEXTS"]

# A JavaScript expression. It returns the texts of the open page with a contrast below 4.5, or below
# 3 from 24 pixels on.
FAINT_TEXTS = """(() => {
  const read = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return { r, g, b, a } };
  const part = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = (color) => 0.2126 * part(color.r) + 0.7152 * part(color.g) + 0.0722 * part(color.b);
  const mix = (top, under) => (above) => top[above] * top.a + under[above] * (1 - top.a);
  const over = (top, under) => { const at = mix(top, under); return { r: at("r"), g: at("g"), b: at("b"), a: 1 } };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(read(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
  };
  const faint = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    const text = walk.currentNode.data.trim();
    const shown = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (!text || !shown || element.closest("svg, script, style, .unseen, .skip")) continue;
    const under = behind(element);
    const levels = [light(over(read(getComputedStyle(element).color), under)), light(under)].sort((a, b) => b - a);
    const ratio = (levels[0] + 0.05) / (levels[1] + 0.05);
    const enough = parseFloat(getComputedStyle(element).fontSize) >= 24 ? 3 : 4.5;
    if (ratio < enough) faint.add(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return [...faint];
})()"""
