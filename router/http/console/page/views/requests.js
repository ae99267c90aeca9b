export const view = { id: "requests", title: "Requests", mount() {} };
