// What was asked and answered, as text and nothing else.

import { element } from "../../dom.js";

export function texts({ messages, answer, why_no_messages: whyNone }) {
  if (messages === null && answer === null) return [element("p", { class: "note" }, whyNone)];
  return [
    ...(messages ?? []).map((message) => said(message.role ?? "user", read(message))),
    answer === null ? null : said("answer", answer),
  ];
}

function said(who, text) {
  return element("div", { class: `said ${who === "answer" ? "answer" : ""}` }, element("h3", {}, who), element("div", { class: "text" }, text));
}

// Content is text, or parts of which some are not; what is none is shown as the caller sent it.
function read(message) {
  const { content } = message;
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return content.map((part) => part.text ?? JSON.stringify(part)).join("\n");
  const { role, ...rest } = message;
  return JSON.stringify(rest, null, 2);
}
