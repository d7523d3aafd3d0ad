"use strict";
// A view of the frames around an event, on a plain canvas: it works without WebGL, prints, and takes no library.
const events = readJson("events");
const BROKEN = 1.5, BONDED = 1.2; // lengths, in sums of covalent radii, beyond which a bond is one no more, or below which a pair is one
const STEP_ANGSTROM = 0.01, FRAME_MS = 120, ATOM_SIZE = 0.5; // atoms are drawn in parts of their covalent radius
const elementColours = { H: "#e9edf1", C: "#6f7780", N: "#0072B2", O: "#D55E00", S: "#E69F00", F: "#009E73", Cl: "#009E73" };
const scene = { event: 0, frame: 0, zoom: 1, turn: [1, 0, 0, 0, 1, 0, 0, 0, 1], playing: 0, printing: false };

function decoded(event) {
  if (!event.frames) {
    const bytes = Uint8Array.from(atob(event.positions), (c) => c.charCodeAt(0));
    const steps = new Int16Array(bytes.buffer), size = 3 * event.symbols.length;
    event.frames = event.time_fs.map((_, k) => Array.from(steps.subarray(k * size, (k + 1) * size), (x) => x * STEP_ANGSTROM));
  }
  return event.frames;
}

const point = (frame, i) => frame.slice(3 * i, 3 * i + 3);
const distance = (frame, i, j) => Math.hypot(...point(frame, i).map((x, k) => x - frame[3 * j + k]));
const nameOf = (event, i) => event.symbols[i] + i;

function rotate(axis, angle) {
  const [c, s, t] = [Math.cos(angle), Math.sin(angle), scene.turn];
  const r = axis === "x" ? [1, 0, 0, 0, c, -s, 0, s, c] : axis === "y" ? [c, 0, s, 0, 1, 0, -s, 0, c] : [c, -s, 0, s, c, 0, 0, 0, 1];
  scene.turn = [0, 3, 6].flatMap((i) => [0, 1, 2].map((j) => r[i] * t[j] + r[i + 1] * t[j + 3] + r[i + 2] * t[j + 6]));
}

function resetView() {
  scene.turn = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  rotate("x", 0.45);
  rotate("y", -0.3);
  scene.zoom = 1;
}

// How far the molecule reaches at the beginning, and, where a piece leaves, at the end: along x, and across it.
function reach(event) {
  const frames = decoded(event), far = (frame) => Math.max(...event.symbols.map((_, i) => Math.hypot(...point(frame, i))));
  const [first, last] = [far(frames[0]), far(frames[frames.length - 1])];
  const across = Math.max(...event.symbols.map((_, i) => Math.hypot(frames[0][3 * i + 1], frames[0][3 * i + 2])));
  const all = Math.max(first, Math.min(last, 1.6 * first)) + 1;
  return { all, across: Math.max(across + 1, 0.6 * all) };
}

// Pixels of a place in angstrom: x, y, depth, and how many pixels an angstrom has there.
function projector(event, width, height) {
  const { all, across } = reach(event), t = scene.turn, far = 4 * all;
  const scale = 0.48 * scene.zoom * Math.min(width / all, height / across);
  return ([a, b, c]) => {
    const [x, y, z] = [0, 3, 6].map((k) => t[k] * a + t[k + 1] * b + t[k + 2] * c);
    const near = far / Math.max(far - z, 0.2 * far);
    return { x: width / 2 + x * scale * near, y: height / 2 - y * scale * near, z, scale: scale * near };
  };
}

function bondsOf(event, frame) {
  const known = new Set(event.bonds.map(([i, j]) => Math.min(i, j) + "-" + Math.max(i, j))), found = [];
  const n = event.symbols.length, told = new Set(event.pairs.map(([i, j]) => Math.min(i, j) + "-" + Math.max(i, j)));
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const key = i + "-" + j, ratio = distance(frame, i, j) / (event.radii[i] + event.radii[j]), old = known.has(key);
      if (!old && !told.has(key) && ratio > BONDED) continue;
      const whole = old ? ratio <= BROKEN : ratio <= BONDED;
      found.push({ i, j, whole, marked: told.has(key) || !old || !whole });
    }
  }
  return found;
}

function colours() {
  const dark = darkScreen.matches && !scene.printing;
  return dark ? { text: "#e6e9ed", back: "#1d232a", mark: "#FF9350", edge: "#0b0e11" } : { text: "#1b1f24", back: "#f5f7f9", mark: "#a83200", edge: "#3a4149" };
}

// The two halves of a bond, each from the surface of its atom to the middle, so that near ones hide far ones.
function halves({ i, j, whole, marked }, frame, event, project, context, look) {
  const [a, b] = [point(frame, i), point(frame, j)], length = Math.hypot(...a.map((x, k) => x - b[k])) || 1;
  const along = (from, to, share) => from.map((x, k) => x + share * (to[k] - x));
  return [[a, b, i], [b, a, j]].map(([from, to, atom]) => {
    const start = project(along(from, to, Math.min(0.5, (0.8 * ATOM_SIZE * event.radii[atom]) / length)));
    const end = project(along(from, to, 0.5)), width = Math.max(2, 0.16 * end.scale);
    const draw = () => {
      context.setLineDash(whole ? [] : [5, 5]);
      if (!marked) line(context, start, end, look.edge, width + 2);
      line(context, start, end, marked ? look.mark : colourOf(event.symbols[atom]), whole ? width : 2);
      context.setLineDash([]);
    };
    return { z: (start.z + end.z) / 2, draw };
  });
}

const colourOf = (symbol) => elementColours[symbol] || "#CC79A7";

function line(context, from, to, colour, width) {
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(to.x, to.y);
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke();
}

function circle(context, { x, y }, radius, fill, stroke, width) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  if (fill) { context.fillStyle = fill; context.fill(); }
  context.lineWidth = width;
  context.strokeStyle = stroke;
  context.stroke();
}

function drawAtom(context, i, place, event, look) {
  const symbol = event.symbols[i], radius = Math.max(3, ATOM_SIZE * event.radii[i] * place.scale);
  const light = context.createRadialGradient(place.x - radius / 3, place.y - radius / 3, 0, place.x - radius / 3, place.y - radius / 3, radius);
  light.addColorStop(0, "rgba(255, 255, 255, 0.65)");
  light.addColorStop(1, "rgba(255, 255, 255, 0)");
  circle(context, place, radius, colourOf(symbol), look.edge, 1);
  circle(context, place, radius, light, look.edge, 1);
  if (event.fragment.includes(i)) {
    context.setLineDash([3, 3]);
    circle(context, place, radius + 3, null, look.mark, 1.5);
    context.setLineDash([]);
  }
  if (event.atoms.includes(i)) circle(context, place, radius + 3, null, look.mark, 3);
  else if (symbol !== "C" && symbol !== "H") write(context, symbol, place.x, place.y, "#ffffff", look.edge, 0.9 * radius + 4);
}

function write(context, text, x, y, colour, back, size = 13) {
  context.font = "600 " + size + "px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  if (back) { context.lineWidth = size / 4; context.strokeStyle = back; context.lineJoin = "round"; context.strokeText(text, x, y); }
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

function drawScene() {
  const canvas = document.getElementById("event-canvas"), event = events[scene.event], frame = decoded(event)[scene.frame];
  const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio || 1];
  if (!width) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d"), look = colours(), project = projector(event, width, height);
  const places = event.symbols.map((_, i) => project(point(frame, i)));
  context.scale(ratio, ratio);
  context.fillStyle = look.back;
  context.fillRect(0, 0, width, height);
  const items = [
    ...bondsOf(event, frame).flatMap((bond) => halves(bond, frame, event, project, context, look)),
    ...places.map((place, i) => ({ z: place.z, draw: () => drawAtom(context, i, place, event, look) })),
  ];
  items.sort((a, b) => a.z - b.z).forEach((item) => item.draw());
  event.atoms.slice(0, 4).forEach((i) => write(context, nameOf(event, i), places[i].x, places[i].y - 22, look.text, look.back));
  event.pairs.forEach(([i, j]) => write(context, distance(frame, i, j).toFixed(2) + " Å", (places[i].x + places[j].x) / 2, (places[i].y + places[j].y) / 2 + 14, look.mark, look.back));
}

function describe() {
  const event = events[scene.event], t = event.time_fs[scene.frame], energy = event.energy_ev[scene.frame];
  const frame = decoded(event)[scene.frame];
  const when = t < 0 ? (-t).toFixed(1) + " fs before the event began" : t.toFixed(1) + " fs after the event began";
  const pairs = event.pairs.map(([i, j]) => nameOf(event, i) + "–" + nameOf(event, j) + " " + distance(frame, i, j).toFixed(2) + " Å");
  const parts = ["Frame " + (scene.frame + 1) + " of " + event.time_fs.length, when, ...pairs];
  if (energy !== null) parts.push("potential energy " + (energy < 0 ? "−" : "+") + Math.abs(energy).toFixed(2) + " eV since the first frame");
  return parts.join(" · ");
}
