export const view = { id: "dial", title: "Dial", mount() {} };
