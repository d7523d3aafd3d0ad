"use strict";
const darkScreen = matchMedia("(prefers-color-scheme: dark)");

// Colours of the traces, and what stands for them on a dark page.
const onDark = [["#0072B2", "#56B4E9"], ["#D55E00", "#FF9350"], ["#009E73", "#3CCB9F"], ["#CC79A7", "#E3A3C6"], ["#8a8a8a", "#9aa4ae"]];
const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join();

function darkColour(colour) {
  return onDark.reduce((text, [from, to]) => text.replace(from, to).replace(channels(from), channels(to)), colour);
}

function darkened(value, key) {
  if (typeof value === "string") return key === "color" || key === "fillcolor" ? darkColour(value) : value;
  if (Array.isArray(value)) return value.map((item) => darkened(item, key));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, darkened(item, name)]));
}
