export const view = { id: "accounts", title: "Keys and budgets", mount() {} };
