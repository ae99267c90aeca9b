// Elements without markup: text is only ever text, so that a prompt with HTML in it is shown as it was written.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...given(children));
  return made;
}

// Lists in lists are laid out, and what is not there is left out.
function given(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

export function replace(parent, ...children) {
  parent.replaceChildren(...given(children));
}
