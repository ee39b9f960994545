// Plays a recording: asks for the frames on screen at a time, and moves a cursor below them.

const page = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const main = document.querySelector("main");

// Pictures that are fetched ahead of the cursor while the recording plays.
const AHEAD = 6;
// Screens show no more pictures a second; those between are left out at high speeds.
const SCREEN_RATE = 60;
const FIRST_WINDOW = 10;
const SPEEDS = [...page.speed.options].map((option) => Number(option.value));

const session = await (await ask("session")).json();
const cameras = session.cameras.map(addCamera);
const tracks = [];
// What is on screen: pictures, the time of the cursor, the window of the rows.
let shown = {time: session.start, stills: [], until: session.start};
let cursor = session.start;
let range = null;
let playing = null;

// Asking the server ---------------------------------------------------------------------

async function ask(path, facts = {}) {
  let answer;
  try {
    answer = await fetch(`${path}?${new URLSearchParams(facts)}`);
  } catch {
    throw fault("The viewer has ended. Start it again to go on.");
  }
  if (!answer.ok) throw fault(await answer.text());
  return answer;
}

function fault(text) {
  page.fault.textContent = text;
  page.fault.hidden = false;
  return new Error(text);
}

async function read(path, facts) {
  const buffer = await (await ask(path, facts)).arrayBuffer();
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const found = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const kinds = {float64: Float64Array, float32: Float32Array, uint8: Uint8Array};
  for (const [name, {dtype, shape, at}] of Object.entries(found.arrays)) {
    const size = shape.reduce((product, n) => product * n, 1);
    found.arrays[name] = new kinds[dtype](buffer, 8 + length + at, size);
  }
  return found;
}

let working = 0;

// Does one thing at a time, the latest that was wanted.
function latest(work) {
  let wanted, busy = null;
  return (value) => {
    wanted = {value};
    busy ??= (async () => {
      working += 1;
      main.ariaBusy = "true";
      try {
        while (wanted) {
          const {value} = wanted;
          wanted = null;
          await work(value);
        }
      } finally {
        busy = null;
        working -= 1;
        main.ariaBusy = String(working > 0);
      }
    })();
    return busy;
  };
}

// Pictures ------------------------------------------------------------------------------

function addCamera(facts, number) {
  const figure = document.createElement("figure");
  const canvas = document.createElement("canvas");
  const caption = document.createElement("figcaption");
  const name = document.createElement("b"), text = document.createElement("span");
  const absent = document.createElement("div"), [height, width] = facts.size;
  // No camera is higher than a good part of the window.
  figure.style.maxWidth = `calc(var(--camera-height) * ${width / height})`;
  canvas.style.aspectRatio = width / height;
  absent.className = "absent";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", facts.name);
  name.textContent = facts.name;
  caption.append(name, text);
  figure.append(canvas, absent, caption);
  page.cameras.append(figure);
  return {...facts, number, canvas, absent, text, newest: null};
}

function covers(still, time) {
  return still && still.start <= time && time < still.end;
}

async function stillAt(camera, time) {
  if (covers(camera.newest, time)) return camera.newest;
  const width = Math.round(camera.canvas.clientWidth * devicePixelRatio) || 640;
  const still = await read("frame", {camera: camera.number, time, width: Math.max(16, width)});
  const jpeg = still.arrays.jpeg;
  still.bitmap = jpeg.length ? await createImageBitmap(new Blob([jpeg])) : null;
  camera.newest = still;
  return still;
}

// The pictures of all cameras at a time, and until when they stay.
async function momentAt(time) {
  const stills = await Promise.all(cameras.map((camera) => stillAt(camera, time)));
  return {time, stills, until: Math.min(session.end, ...stills.map((still) => still.end))};
}

function show(moment) {
  moment.stills.forEach((still, i) => {
    if (still !== shown.stills[i]) draw(cameras[i], still);
  });
  shown = moment;
}

function draw({canvas, absent, text, colors}, still) {
  const context = canvas.getContext("2d"), {clientWidth, clientHeight} = canvas;
  canvas.width = Math.max(1, Math.round(clientWidth * devicePixelRatio));
  canvas.height = Math.max(1, Math.round(clientHeight * devicePixelRatio));
  if (!still.fault) context.drawImage(still.bitmap, 0, 0, canvas.width, canvas.height);
  const scale = still.bitmap ? canvas.width / still.bitmap.width : 1;
  const size = Math.max(3, canvas.width / 120);
  still.points.forEach((point, i) => {
    if (!point) return;
    context.beginPath();
    context.arc(point[0] * scale, point[1] * scale, size, 0, 2 * Math.PI);
    context.fillStyle = colors[i];
    context.fill();
    context.lineWidth = size / 4;
    context.strokeStyle = "white";
    context.stroke();
  });
  canvas.dataset.frame = still.number;
  absent.textContent = still.fault;
  text.textContent = still.number < 0 ? "" : `#${still.number} · ${seconds(still.taken)}`;
}

// Time ----------------------------------------------------------------------------------

function seconds(time) {
  return `${session.offset ? "+" : ""}${(time - session.offset).toFixed(3)} s`;
}

function within(time) {
  return Math.min(Math.max(time, session.start), session.end);
}

function moveCursor(time) {
  cursor = time;
  main.dataset.time = time;
  page.time.textContent = seconds(time);
  page.seek.value = time;
  page.seek.ariaValueText = seconds(time);
  placeCursor();
}

function placeCursor() {
  if (!range) return;
  const place = (cursor - range.start) / (range.end - range.start);
  page.cursor.hidden = place < 0 || place > 1;
  page.cursor.style.transform = `translateX(${place * page.over.clientWidth}px)`;
}

const seekLatest = latest(async (time) => {
  page.fault.hidden = true;
  show(await momentAt(time));
});

function seek(time, follow = true) {
  pause();
  moveCursor(within(time));
  if (follow) keepInSight();
  return seekLatest(cursor);
}

function step(forward) {
  pause();
  const starts = shown.stills.map(({start, previous}) => (start < cursor ? start : previous));
  seek(forward ? shown.until : Math.max(session.start, ...starts));
}

// Playing -------------------------------------------------------------------------------

async function play() {
  const run = playing = {ahead: [], ended: false, wake: () => {}};
  if (cursor >= session.end) moveCursor(session.start);
  keepInSight();
  document.body.classList.add("playing");
  page.play.ariaLabel = "Pause";
  await seekLatest(cursor);
  if (run !== playing) return;
  fillAhead(run, shown).catch(pause);
  let before = performance.now();
  const tick = (now) => {
    if (run !== playing) return;
    advance(run, Math.min(0.25, (now - before) / 1000) * speed());
    before = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}

async function fillAhead(run, newest) {
  while (run === playing) {
    const time = Math.max(newest.until, newest.time + speed() / SCREEN_RATE);
    if (time >= session.end) break;
    newest = await momentAt(time);
    run.ahead.push(newest);
    while (run === playing && run.ahead.length >= AHEAD) {
      await new Promise((wake) => (run.wake = wake));
    }
  }
  run.ended = true;
}

function advance(run, passed) {
  const aim = cursor + passed;
  let moment = shown;
  while (run.ahead.length && run.ahead[0].time <= aim) moment = run.ahead.shift();
  run.wake();
  if (moment !== shown) show(moment);
  if (aim < moment.until) {
    moveCursor(Math.max(aim, moment.time));
  } else if (run.ended && !run.ahead.length && aim >= session.end) {
    seek(session.end);
    return;
  } else {
    // The next picture is not here yet: time waits for it, where this one still stands.
    moveCursor(Math.max(cursor, moment.time));
  }
  keepInSight();
}

function pause() {
  playing?.wake();
  playing = null;
  document.body.classList.remove("playing");
  page.play.ariaLabel = "Play";
}

function speed() {
  return Number(page.speed.value);
}

// Rows ----------------------------------------------------------------------------------

async function addTrack(facts, number) {
  const row = document.createElement("section");
  const title = document.createElement("h2"), name = document.createElement("b");
  const note = document.createElement("small"), plot = document.createElement("div");
  row.className = "row";
  row.setAttribute("aria-label", facts.name);
  name.textContent = name.title = facts.name;
  title.append(name, ...facts.legend.map(([point, color]) => {
    const entry = document.createElement("i");
    entry.textContent = point;
    entry.style.color = color;
    return entry;
  }), note);
  row.append(title, plot);
  page.rows.append(row);
  const known = new Set(Bokeh.documents);
  await Bokeh.embed.embed_item(facts.figure, plot);
  const made = Bokeh.documents.find((one) => !known.has(one));
  return {kind: facts.kind, number, note, figure: made.roots()[0]};
}

function paintTrack({figure}) {
  const style = getComputedStyle(document.documentElement);
  const [text, faint, line] = ["--text", "--faint", "--line"].map(
    (name) => style.getPropertyValue(name).trim());
  for (const axis of [...figure.below, ...figure.left]) {
    axis.setv({
      axis_line_color: line,
      major_tick_line_color: line,
      major_label_text_color: faint,
      axis_label_text_color: faint,
    });
  }
  for (const grid of figure.center) grid.setv({grid_line_color: line, grid_line_alpha: 0.5});
  figure.outline_line_color = line;
  for (const {glyph} of figure.renderers) {
    if (glyph.type === "Text") glyph.setv({text_color: text});
  }
}

// Axes count large times from the offset, so that their numbers stay short.
function counted(times) {
  return session.offset ? times.map((time) => time - session.offset) : times;
}

const drawings = {
  marks: ({arrays: {x, y}}, [marks]) => { marks.data_source.data = {x: counted(x), y}; },
  lines: ({arrays: {x, y}}, lines) => {
    const times = counted(x), n = x.length;
    lines.forEach((line, i) => {
      line.data_source.data = {x: times, y: y.subarray(i * n, (i + 1) * n)};
    });
  },
  bars: ({labels, arrays}, [bars]) => {
    const left = counted(arrays.left), right = counted(arrays.right);
    const middle = left.map((start, i) => (start + right[i]) / 2);
    bars.data_source.data = {left, right, middle, label: labels};
  },
};

const showRange = latest(async ({start, end}) => {
  const pixels = Math.max(16, Math.round(page.over.clientWidth * devicePixelRatio));
  const found = await Promise.all(
    tracks.map(({number}) => read("track", {track: number, start, end, pixels})));
  tracks.forEach(({kind, note, figure}, i) => {
    figure.x_range.setv({start: start - session.offset, end: end - session.offset});
    drawings[kind](found[i], figure.renderers);
    note.textContent = found[i].note ?? "";
  });
  range = {start, end};
  placeCursor();
});

let wantedRange = null;

function wantRange(start, end) {
  const whole = session.end - session.start;
  const width = Math.min(Math.max(end - start, 1e-3), whole);
  start = Math.min(Math.max(start, session.start), session.end - width);
  wantedRange = {start, end: start + width};
  return showRange(wantedRange);
}

function zoom(factor, about = cursor) {
  const {start, end} = wantedRange;
  const center = Math.min(Math.max(about, start), end);
  wantRange(center - (center - start) * factor, center + (end - center) * factor);
}

function keepInSight() {
  if (!wantedRange) return;
  const {start, end} = wantedRange, width = end - start;
  const margin = playing ? 0.02 * width : 0;
  if (cursor < start || cursor > end - margin) {
    const first = cursor - (playing ? 0.05 : 0.5) * width;
    wantRange(first, first + width);
  }
}

// What the user does --------------------------------------------------------------------

function timeAt(event) {
  const {left, width} = page.over.getBoundingClientRect();
  return range.start + ((event.clientX - left) / width) * (range.end - range.start);
}

page.over.addEventListener("pointerdown", (event) => {
  page.over.setPointerCapture(event.pointerId);
  if (!event.shiftKey) seek(timeAt(event), false);
});
page.over.addEventListener("pointermove", (event) => {
  if (event.buttons !== 1) return;
  if (event.shiftKey) {
    const moved = (event.movementX / page.over.clientWidth) * (range.end - range.start);
    wantRange(wantedRange.start - moved, wantedRange.end - moved);
  } else {
    seek(Math.min(Math.max(timeAt(event), range.start), range.end), false);
  }
});
page.over.addEventListener("wheel", (event) => {
  if (event.ctrlKey || event.metaKey) {
    zoom(Math.exp(event.deltaY / 300), timeAt(event));
  } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    const moved = (event.deltaX / page.over.clientWidth) * (range.end - range.start);
    wantRange(wantedRange.start + moved, wantedRange.end + moved);
  } else {
    return;
  }
  event.preventDefault();
}, {passive: false});

function faster(places) {
  const at = SPEEDS.indexOf(speed()) + places;
  page.speed.value = SPEEDS[Math.min(Math.max(at, 0), SPEEDS.length - 1)];
}

const actions = {
  " ": () => (playing ? pause() : play()),
  ArrowLeft: () => step(false),
  ArrowRight: () => step(true),
  ArrowUp: () => faster(1),
  ArrowDown: () => faster(-1),
  Home: () => seek(session.start),
  End: () => seek(session.end),
  "+": () => zoom(0.5),
  "=": () => zoom(0.5),
  "-": () => zoom(2),
  0: () => wantRange(session.start, session.end),
};
document.addEventListener("keydown", (event) => {
  const isOurs = !event.ctrlKey && !event.metaKey && !event.altKey && actions[event.key];
  // A button that has the focus is pressed by space, and a list is walked by arrows.
  if (!isOurs || event.target === page.speed) return;
  if (event.key === " " && event.target.tagName === "BUTTON") return;
  event.preventDefault();
  actions[event.key]();
});
page.play.addEventListener("click", actions[" "]);
page.back.addEventListener("click", actions.ArrowLeft);
page.forward.addEventListener("click", actions.ArrowRight);
page.closer.addEventListener("click", actions["+"]);
page.wider.addEventListener("click", actions["-"]);
page.all.addEventListener("click", actions[0]);
page.seek.addEventListener("input", () => seek(Number(page.seek.value)));

// Beginning -----------------------------------------------------------------------------

Object.assign(page.seek, {min: session.start, max: session.end, value: session.start});
new EventSource("alive").addEventListener("error", () => {
  fault("The viewer has ended. Start it again to go on.");
});
for (const [number, facts] of session.tracks.entries()) {
  tracks.push(await addTrack(facts, number));
}
tracks.forEach(paintTrack);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  tracks.forEach(paintTrack);
});
new ResizeObserver(() => wantedRange && showRange(wantedRange)).observe(page.over);
moveCursor(session.start);
await wantRange(session.start, session.start + FIRST_WINDOW);
await seekLatest(session.start);
// Cameras begin a moment later than their recording: the first picture is worth more.
if (shown.stills.every(({number}) => number < 0)) await seek(shown.until);
main.dataset.ready = "true";
