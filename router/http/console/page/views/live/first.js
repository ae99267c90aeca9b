// What a server that was never asked says: how to ask it.

import { copyable, empty } from "../../components.js";
import { element } from "../../dom.js";

export function firstSteps(session) {
  const base = new URL(session.endpoints_base, new URL(".", location.href)).href;
  const models = [session.models.weak, session.models.strong].filter(Boolean);
  return empty("Nobody has asked anything yet",
    element("p", {}, "Send the first request; it appears here at once. From a shell:"),
    copyable(curl(base, session.open), { block: true, label: "Copy the command" }),
    element("p", {}, "Any OpenAI client will do, pointed at ", copyable(base), session.open ? "" : " with a key of this server."),
    element("p", { class: "note" }, models.length ? `Answers come from ${models.join(" or ")}.` : "No model is set yet: see docs/upstreams.md."),
  );
}

function curl(base, open) {
  const key = open ? "" : ` \\\n  -H "authorization: Bearer $UNDERDOG_KEY"`;
  const body = JSON.stringify({ model: "auto", messages: [{ role: "user", content: "Name three colours." }] });
  return `curl ${base}/chat/completions${key} \\\n  -H "content-type: application/json" \\\n  -d '${body}'`;
}
