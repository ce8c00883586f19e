// Holds the page together: one photo, one box, one answer, one chosen candidate.

import * as api from "./api.js";
import { areaForm } from "./area.js";
import { length } from "./geo.js";
import { showMap } from "./map.js";
import { photoInputs } from "./photo.js";
import { hideAnswer, showAnswer, showComparison, spoken } from "./results.js";

const byId = (id) => document.getElementById(id);
const state = { photo: null, truth: null, box: null, answer: null, chosen: -1, search: null };
let results = null;

start().catch(complain);

async function start() {
  const gallery = await api.gallery();
  describe(gallery);
  photoInputs({
    file: byId("file"),
    drop: byId("drop"),
    samples: byId("samples"),
    list: gallery.samples,
    onPhoto: (photo, truth) => {
      Object.assign(state, { photo, truth });
      return search();
    },
    onProblem: complain,
  });
  byId("num-candidates").addEventListener("change", search);
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("close").addEventListener("click", () => choose(-1));
  byId("compare").addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose(-1);
  });
  addMap(gallery);
}

function describe(gallery) {
  const [least, most] = gallery.side_m.map(length);
  const wide = least === most ? least : `${least} to ${most}`;
  byId("about").textContent = `${gallery.num_tiles.toLocaleString("en")} tiles of ${wide} `
    + `in the gallery ${gallery.name}`;
  document.title = `${gallery.name} - georet`;
  byId("credits").hidden = !gallery.credits;
  byId("credits").textContent = `Imagery: ${(gallery.credits ?? []).join("; ")}`;
}

function addMap(gallery) {
  try {
    results = showMap(byId("map"), gallery);
  } catch {
    document.body.classList.add("no-map");
    complain(new Error("The map can't be shown: this browser has no WebGL 2. The rest works."));
  }
  // For whoever looks into the page from outside, such as a test.
  window.georet = { map: results?.map, state };
  areaForm({
    form: byId("area-form"),
    draw: byId("draw"),
    clear: byId("clear"),
    stop: byId("stop-drawing"),
    results,
    onChange: (box) => {
      state.box = box;
      if (state.photo !== null) search();
      else say(box === null ? "Searching everywhere." : "The next photo is searched in this box.");
    },
  });
}

async function search() {
  if (state.photo === null) return;
  state.search?.abort();
  const running = new AbortController();
  state.search = running;
  setBusy(true);
  byId("problem").hidden = true;
  say("Searching.");
  try {
    const k = byId("num-candidates").value;
    const asked = { k, box: state.box, signal: running.signal };
    show(await api.locate(state.photo, asked));
  } catch (error) {
    if (error.name !== "AbortError") complain(error);
  } finally {
    if (state.search === running) setBusy(false);
  }
}

function show(answer) {
  Object.assign(state, { answer, chosen: -1 });
  showAnswer(answer, state.truth, choose);
  showComparison(answer, -1);
  results?.show(answer, state.truth, choose);
  say(spoken(answer));
}

function choose(number) {
  const before = state.chosen;
  state.chosen = number;
  const { answer } = state;
  showComparison(answer, number);
  results?.choose(answer, number);
  if (number >= 0) {
    results?.flyTo(answer.candidates[number]);
    say(`Photo beside candidate ${number + 1}, ${byId("compare-caption").textContent}`);
  } else {
    results?.showAll(answer);
    byId("candidates").querySelectorAll("button")[before]?.focus();
  }
}

function step(by) {
  const num = state.answer.candidates.length;
  choose((state.chosen + by + num) % num);
}

function setBusy(isBusy) {
  byId("panel").setAttribute("aria-busy", String(isBusy));
  byId("choose").textContent = isBusy ? "Searching…" : "Choose a photo";
}

function say(text) {
  byId("status").textContent = text;
}

function complain(error) {
  hideAnswer();
  results?.clear();
  state.answer = null;
  say("");
  byId("problem").textContent = error.message;
  byId("problem").hidden = false;
}
