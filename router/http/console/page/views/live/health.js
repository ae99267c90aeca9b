// How the models behind the routes fare, and this server itself.

import { badge, card, facts } from "../../components.js";
import { element, replace } from "../../dom.js";
import * as format from "../../format.js";
import { BREAKERS, STATES } from "../../words.js";

export function health() {
  const upstreams = element("ul", { class: "upstreams" });
  const server = element("div");
  let was = "";
  return {
    root: card("Models and this server", {}, upstreams, server),
    update({ upstreams: all, uptime_s: uptime, memory, shared, settings_file: file }) {
      const now = JSON.stringify(all);
      if (now !== was) replace(upstreams, Object.entries(all).map(([name, upstream]) => told(name, upstream)));
      was = now;
      replace(server, facts([
        ["Running for", format.lasting(uptime)],
        memory ? ["Memory", memory === "tight" ? badge("warn", "tight") : badge("good", "enough")] : null,
        shared ? ["Shared with other servers", shared === "up" ? badge("good", "connected") : badge("warn", "away")] : null,
        file ? ["Settings' file", settings(file)] : null,
      ]));
    },
  };
}

function told(name, upstream) {
  if (upstream === null) return element("li", {}, head(name, "no model is set", ["quiet", "none"]));
  return element("li", {},
    head(name, upstream.model, STATES[upstream.state] ?? ["quiet", upstream.state]),
    tellsMore(upstream) ? element("ul", {}, upstream.deployments.map(deployment)) : null);
}

// One deployment that is well says nothing that its route does not.
function tellsMore({ deployments }) {
  return deployments.length > 1 || deployments.some((one) => one.breaker !== "closed" || one.resting_s > 0 || one.in_flight > 0);
}

function head(name, model, state) {
  return element("div", { class: "upstream" }, badge(name === "weak" || name === "strong" ? name : "named", name), element("span", { class: "model" }, model), badge(...state));
}

function deployment(one) {
  const words = [
    (STATES[one.state] ?? [null, one.state])[1],
    BREAKERS[one.breaker] ?? null,
    one.resting_s > 0 ? `rests for ${format.lasting(one.resting_s)}` : null,
    `${one.in_flight} in flight`,
  ];
  return element("li", { class: "note" }, `${one.deployment}: ${words.filter((word) => word !== null).join(", ")}`);
}

function settings(file) {
  if (file.state === "refused") return badge("wrong", file.line ? `refused, line ${file.line}` : "refused");
  const waits = file.waits_for_restart ?? [];
  return waits.length ? badge("warn", `wait for a restart: ${waits.join(", ")}`) : badge("good", "in use");
}
