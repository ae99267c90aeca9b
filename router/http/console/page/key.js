// Asks for the key that opens the console.

import { element } from "./dom.js";

export function keyForm(error, { had, use }) {
  const input = element("input", {
    id: "key", type: "password", autocomplete: "off", required: true, spellcheck: "false", "aria-describedby": "key-error key-note",
    "aria-invalid": had ? "true" : null,
  });
  const form = element("form", { class: "key" },
    element("h1", {}, had ? "This key does not open the console" : "A key is needed"),
    element("p", { role: "alert", id: "key-error", class: had ? "wrong" : null }, error.message),
    element("div", { class: "field" }, element("label", { for: "key" }, "API key"), input),
    element("button", { class: "main" }, "Open the console"),
    element("p", { class: "note", id: "key-note" }, "The master key of this server, or its api_key. It is kept in this tab only, until you close it or forget it."),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) use(input.value.trim());
  });
  return form;
}
