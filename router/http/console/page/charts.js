// Charts by uPlot, which draws on a canvas; each has its figures in a table as well, for who cannot see it.

// Draws `data` (uPlot's columns) into `root`; returns the chart, or null where the library is not installed.
export function chart(root, options, data) {
  if (typeof uPlot === "undefined") return null;
  const width = () => Math.max(200, root.clientWidth);
  const drawn = new uPlot({ width: width(), height: 220, ...options }, data, root);
  const watcher = new ResizeObserver(() => drawn.setSize({ width: width(), height: options.height ?? 220 }));
  watcher.observe(root);
  const destroy = drawn.destroy.bind(drawn);
  drawn.destroy = () => { watcher.disconnect(); destroy(); };
  return drawn;
}

// A colour of the style sheet, such as colour("weak"): charts cannot use its variables by themselves.
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
