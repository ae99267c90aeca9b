// What happens now: the last minute in figures, the last quarter of an hour in charts, what was saved, and who is well.

import { badge, card } from "../components.js";
import { element, replace } from "../dom.js";
import { time } from "../format.js";
import { follow } from "../stream.js";
import { liveCharts } from "./live/charts.js";
import { liveFigures } from "./live/figures.js";
import { firstSteps } from "./live/first.js";
import { health } from "./live/health.js";
import { ticker } from "./live/ticker.js";
import { totals } from "./live/totals.js";

export const view = { mount };

function mount(root, { api, session, announce, head, refuse }) {
  const state = element("p", { class: "state" }, badge("quiet", "Connecting"));
  head.append(state);
  const parts = { figures: liveFigures(), charts: liveCharts(), totals: totals(), health: health(), ticker: ticker() };
  const first = firstSteps(session);
  const figures = element("div", { class: "view" },
    element("div", { class: "minute" }, element("h2", {}, "The last minute"), parts.figures.root),
    element("div", { class: "grid" }, parts.charts.requests, parts.charts.latency, parts.totals.root, parts.health.root),
    card("Newest requests", { actions: [parts.ticker.held, element("a", { href: "#/requests" }, "All requests")] }, parts.ticker.root),
  );
  figures.hidden = true;
  first.hidden = true;
  root.append(first, figures);

  const tell = connection(state, announce);
  // Of totals there are none until the ledger could be read; until then it is not known whether anybody has asked.
  let asked = false;
  function begin(some) {
    asked ||= some;
    first.hidden = asked;
    const appeared = asked && figures.hidden;
    figures.hidden = !asked;
    return appeared;
  }

  function snapshot(seen) {
    const appeared = begin(seen.totals === null || seen.totals.requests > 0 || seen.in_flight > 0);
    state.title = `As of ${time(seen.at)}`;
    parts.figures.update(seen);
    if (seen.totals !== null) parts.totals.update(seen.totals);
    parts.health.update(seen);
    parts.charts.update(seen, { appeared });
  }

  function lines(some) {
    if (begin(some.length > 0)) parts.charts.draw();
    parts.ticker.add(some);
  }

  const stop = follow(api, "live", {
    event(name, value) {
      if (name === "snapshot") snapshot(value);
      if (name === "requests") lines(value);
    },
    state: tell,
    refused: refuse,
  });
  return () => { stop(); parts.charts.end(); };
}

// Shows the state of the connection; speaks of it only when it was lost, and when it is there again.
function connection(shown, announce) {
  let lost = false;
  let was = null;
  return (now, seconds) => {
    if (now === was || (now === "connecting" && lost)) return;
    was = now;
    const [kind, text] = {
      connecting: ["quiet", "Connecting"], connected: ["good", "Connected"], waiting: ["warn", `Connection lost, next try in ${seconds} s`],
    }[now];
    replace(shown, badge(kind, text));
    if (now === "waiting" ? !lost : lost) announce(text);
    lost = now === "waiting";
  };
}
