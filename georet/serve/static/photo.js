// Ways for a photo to come in: chosen, dropped, pasted, or one of the samples.

import { sample } from "./api.js";

/**
 * Wire them up; `onPhoto(blob, truth)` gets a single photo, and its place where that is known,
 * `onFiles(files)` what is chosen or dropped: one file or several.
 */
export function photoInputs({ file, drop, samples, list, onPhoto, onFiles, onProblem }) {
  file.addEventListener("change", () => {
    if (file.files.length > 0) onFiles([...file.files]);
    file.value = "";
  });
  document.addEventListener("paste", (event) => {
    const [pasted] = [...event.clipboardData.files].filter(({ type }) => type.startsWith("image/"));
    if (pasted) onPhoto(pasted, null);
  });
  addDrop(drop, onFiles);
  const [place] = samples.getElementsByTagName("ul");
  list.forEach((entry, number) => place.append(sampleItem(entry, number, onPhoto, onProblem)));
  samples.hidden = list.length === 0;
}

function addDrop(drop, onDrop) {
  let depth = 0;
  const mark = (change) => {
    depth = change === 0 ? 0 : depth + change;
    drop.classList.toggle("over-me", depth > 0);
  };
  addEventListener("dragenter", (event) => { event.preventDefault(); mark(1); });
  addEventListener("dragleave", () => mark(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(0);
    if (event.dataTransfer.files.length > 0) onDrop([...event.dataTransfer.files]);
  });
}

function sampleItem(entry, number, onPhoto, onProblem) {
  const button = document.createElement("button");
  button.type = "button";
  const image = document.createElement("img");
  image.src = `/api/sample/${number}`;
  image.alt = entry.label;
  button.append(image);
  button.addEventListener("click", async () => {
    try {
      await onPhoto(await sample(number), entry.latlon);
    } catch (error) {
      onProblem(error);
    }
  });
  const item = document.createElement("li");
  item.append(button);
  return item;
}
