// Asks for the key that opens the console.

import { element } from "./dom.js";

export function keyForm(error, use) {
  const field = element("input", { id: "key", type: "password", autocomplete: "off", required: true, spellcheck: "false" });
  const form = element("form", { class: "key" },
    element("h1", {}, "A key is needed"),
    element("p", { role: "alert" }, error.message),
    element("label", { for: "key" }, "API key"),
    field,
    element("button", {}, "Open the console"),
    element("p", { class: "note" }, "It is kept in this tab only, until you close it or forget it."),
  );
  form.addEventListener("submit", (event) => { event.preventDefault(); use(field.value.trim()); });
  return form;
}
