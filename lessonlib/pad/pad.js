// A place to draw a digit, and ten bars that answer. As an anywidget the answer comes from Python; a page without Python
// hands over a function `read(pixels)` instead: `mount(element, {read})`.

const SIDE = 280; // pixels of the canvas; ten for one of MNIST's
const PEN = 11; // half the width of the pen
const STEP = 10; // how far an arrow key moves the pen

/** How much ink is on each pixel of MNIST's 28 x 28, from 0 to 255: cut out, fitted into 20 x 20, and laid with its
 * centre of mass onto (14, 14). `ink` has width x height numbers, 0 where there is none. Null where nothing is drawn. */
export function asInMnist(ink, width, height) {
  let top = height, bottom = -1, left = width, right = -1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink[y * width + x] > 0) {
        top = Math.min(top, y); bottom = Math.max(bottom, y);
        left = Math.min(left, x); right = Math.max(right, x);
      }
    }
  }
  if (bottom < 0) return null;
  const rows = bottom - top + 1, columns = right - left + 1, scale = 20 / Math.max(rows, columns);
  const tall = Math.max(1, toEven(rows * scale)), wide = Math.max(1, toEven(columns * scale));
  const across = weights(columns, wide), down = weights(rows, tall);
  const lines = Array.from({ length: rows }, (_, y) => across.map(
    (part) => part.reduce((sum, [x, weight]) => sum + weight * ink[(top + y) * width + left + x], 0)));
  const fitted = down.map((part) => Array.from({ length: wide }, (_, x) => part.reduce(
    (sum, [y, weight]) => sum + weight * lines[y][x], 0)));
  const most = Math.max(...fitted.flat());
  const bytes = fitted.map((row) => row.map((value) => Math.round(Math.max(0, value) * 255 / most)));
  const rowSums = bytes.map((row) => row.reduce((a, b) => a + b, 0));
  const columnSums = bytes[0].map((_, x) => bytes.reduce((sum, row) => sum + row[x], 0));
  const place = (sums) => Math.min(Math.max(toEven(14 - middle(sums)), 0), 28 - sums.length);
  const y0 = place(rowSums), x0 = place(columnSums), digit = new Uint8Array(28 * 28);
  bytes.forEach((row, y) => row.forEach((value, x) => { digit[(y0 + y) * 28 + x0 + x] = value; }));
  return digit;
}

/** For each of `after` pixels the pixels before that it is made of, [place, weight]: a triangle, wide enough to miss none. */
function weights(before, after) {
  const scale = before / after, reach = Math.max(scale, 1);
  return Array.from({ length: after }, (_, i) => {
    const centre = (i + 0.5) * scale, part = [];
    const first = Math.max(0, Math.trunc(centre - reach + 0.5)), last = Math.min(before, Math.trunc(centre + reach + 0.5));
    for (let x = first; x < last; x++) part.push([x, Math.max(0, 1 - Math.abs((x - centre + 0.5) / reach))]);
    const sum = part.reduce((total, [, weight]) => total + weight, 0);
    return part.map(([x, weight]) => [x, weight / sum]);
  });
}

/** The nearest whole number; of two that are as near, the even one, as Python rounds. */
function toEven(value) {
  const whole = Math.round(value);
  return Math.abs(value - Math.trunc(value)) === 0.5 && whole % 2 ? whole - 1 : whole;
}

function middle(sums) {
  return sums.reduce((total, sum, i) => total + sum * i, 0) / sums.reduce((total, sum) => total + sum, 0);
}

/** Build the pad inside `element`. `read(pixels)` is called with 784 bytes after each stroke and may answer at once (an
 * array of ten) or later, by `show(probs)`. Gives {show, say, put}. */
export function mount(element, { read, example = null }) {
  element.innerHTML = `<div class="ll-pad" data-lm-suppress-shortcuts="true">
    <div><canvas width="${SIDE}" height="${SIDE}" tabindex="0" role="application" aria-label="Draw a digit here with the mouse,
 a finger or a pen. With the keyboard: the arrow keys move the pen, the space bar puts it down and lifts it, c clears."></canvas>
    <div class="ll-pad-row"><button type="button">Clear</button><span>Draw a digit. (Keys: arrows, space, c.)</span></div></div>
    <div><canvas class="ll-pad-seen" width="28" height="28" aria-hidden="true"></canvas><div class="ll-pad-row"><span>what the model
 sees</span></div></div>
    <div class="ll-pad-bars" role="img"></div><div class="ll-pad-said" role="status" aria-live="polite"></div></div>`;
  const canvas = element.querySelector("canvas"), pen = canvas.getContext("2d", { willReadFrequently: true });
  const seen = element.querySelector(".ll-pad-seen"), bars = element.querySelector(".ll-pad-bars");
  const said = element.querySelector(".ll-pad-said"), clearButton = element.querySelector("button");
  bars.innerHTML = Array.from({ length: 10 }, (_, digit) => `<span>${digit}</span><i><b></b></i><em></em>`).join("");
  let drawing = false, last = null, cursor = [SIDE / 2, SIDE / 2], down = false;

  const dot = (from, to) => {
    pen.strokeStyle = "#1d1d26"; pen.lineWidth = 2 * PEN; pen.lineCap = "round"; pen.lineJoin = "round";
    pen.beginPath(); pen.moveTo(...from); pen.lineTo(to[0] + 0.01, to[1]); pen.stroke();
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * SIDE / box.width, (event.clientY - box.top) * SIDE / box.height];
  };
  const drawn = () => {
    const pixels = pen.getImageData(0, 0, SIDE, SIDE).data, ink = new Float32Array(SIDE * SIDE);
    for (let i = 0; i < ink.length; i++) ink[i] = pixels[4 * i + 3] / 255;
    return asInMnist(ink, SIDE, SIDE);
  };
  const put = (digit) => {
    const small = seen.getContext("2d"), image = small.createImageData(28, 28);
    for (let i = 0; i < 784; i++) { image.data.set([29, 29, 38, digit ? digit[i] : 0], 4 * i); }
    small.putImageData(image, 0, 0);
  };
  const show = (probs) => {
    const best = probs.indexOf(Math.max(...probs));
    const words = probs.map((p) => `${Math.round(100 * p)} %`);
    bars.querySelectorAll("b").forEach((bar, digit) => {
      bar.style.width = `${100 * probs[digit]}%`;
      bar.className = digit === best ? "ll-pad-best" : "";
    });
    bars.querySelectorAll("em").forEach((text, digit) => { text.textContent = words[digit]; });
    bars.setAttribute("aria-label", probs.map((_, digit) => `${digit}: ${words[digit]}`).join(", "));
    say(`It reads a ${best}, with ${words[best]}.`);
  };
  const say = (text) => { said.textContent = text; };
  const ask = () => {
    const digit = drawn();
    put(digit);
    if (!digit) return;
    const answer = read(digit);
    if (answer) show(answer);
  };
  const clear = () => {
    pen.clearRect(0, 0, SIDE, SIDE);
    put(null);
    bars.querySelectorAll("b").forEach((bar) => { bar.style.width = "0"; });
    bars.querySelectorAll("em").forEach((text) => { text.textContent = ""; });
    bars.removeAttribute("aria-label");
    say("");
  };
  canvas.onpointerdown = (event) => {
    event.preventDefault();
    canvas.focus();
    canvas.setPointerCapture(event.pointerId);
    drawing = true; last = place(event);
    dot(last, last);
  };
  canvas.onpointermove = (event) => {
    if (!drawing) return;
    const here = place(event);
    dot(last, here);
    last = here;
  };
  canvas.onpointerup = canvas.onpointercancel = () => { if (drawing) { drawing = false; ask(); } };
  canvas.onkeydown = (event) => {
    const move = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (move) {
      const next = cursor.map((value, axis) => Math.min(Math.max(value + move[axis], PEN), SIDE - PEN));
      if (down) dot(cursor, next);
      cursor = next;
      say(down ? "" : `The pen is lifted, at ${Math.round(cursor[0] / 10)}, ${Math.round(cursor[1] / 10)} of 28.`);
    } else if (event.key === " ") {
      down = !down;
      if (down) dot(cursor, cursor); else ask();
      if (down) say("The pen is down.");
    } else if (event.key === "c") {
      down = false;
      clear();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  clearButton.onclick = clear;
  if (example) {
    const small = new OffscreenCanvas(28, 28), brush = small.getContext("2d"), image = brush.createImageData(28, 28);
    for (let i = 0; i < 784; i++) image.data.set([29, 29, 38, example[i]], 4 * i);
    brush.putImageData(image, 0, 0);
    pen.drawImage(small, 0, 0, SIDE, SIDE);
    put(example);
  }
  return { show, say, put };
}

export default {
  render({ model, el }) {
    const example = model.get("example");
    const pad = mount(el, {
      example: example && example.byteLength ? new Uint8Array(example.buffer) : null,
      read: (digit) => { model.set("pixels", new DataView(digit.buffer)); model.save_changes(); return null; },
    });
    const answer = () => {
      const { probs, error } = model.get("answer");
      if (error) pad.say(error); else if (probs) pad.show(probs);
    };
    model.on("change:answer", answer);
    answer();
  },
};
