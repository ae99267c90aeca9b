// The views, in the order of the menu; the first is shown where the address names none. `views/ID.js` is loaded when its view is
// first shown, and exports `view = { mount(root, context) }`: it draws into `root`, which has its heading already, and returns
// a function that ends whatever it began. `context`: `api`, `session` (who asks and what they may), `announce(text)`, `place`
// and `query` (what follows the view in the address), `head` (the row of the heading, for what belongs beside it), `again()`
// (draws it anew), `refuse(error)` (in the view's place: the key form, or what is wrong). What is being fetched has aria-busy.

export const VIEWS = [
  { id: "live", title: "Live" },
  { id: "requests", title: "Requests" },
  { id: "dial", title: "Dial" },
  { id: "cache", title: "Cache" },
  { id: "accounts", title: "Keys and budgets" },
  { id: "playground", title: "Playground" },
];

export async function load({ id }) {
  return (await import(`./views/${id}.js`)).view;
}
