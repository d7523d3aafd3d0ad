"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
const plotOf = (key) => document.getElementById("figure-" + key);
const bar = { displaylogo: false, responsive: true, modeBarButtons: [["toImage"]] };

function drawAll(printing = false) {
  Object.entries(figures).forEach(([key, figure]) => {
    const data = darkScreen.matches && !printing ? darkened(figure.data) : figure.data;
    Plotly.react(plotOf(key), data, { ...figure.layout, ...(printing ? { width: 640 } : { autosize: true }) }, bar);
  });
}

const folded = () => [...document.querySelectorAll("details:not([open])")];
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = folded();
  unfolded.forEach((part) => { part.open = true; });
  drawAll(true);
});
addEventListener("afterprint", () => {
  unfolded.forEach((part) => { part.open = false; });
  drawAll();
});
darkScreen.addEventListener("change", () => drawAll());
Object.keys(figures).forEach((key) => { plotOf(key).textContent = ""; });
drawAll();
