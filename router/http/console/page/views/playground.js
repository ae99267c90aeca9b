export const view = { id: "playground", title: "Playground", mount() {} };
