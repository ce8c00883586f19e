// What is known of the photo's camera: typed here, or told by the photo; each change asks anew.

const FIELDS = ["heading", "tilt", "height", "fov"];
const UNITS = { heading: "°", tilt: "°", height: " m", fov: "°" };
const WAIT_MS = 350;

/** Wire up the form; `onChange()` is called once typing has paused. */
export class CameraForm {
  constructor({ details, form, notes, refine, hasRefiner, onChange }) {
    Object.assign(this, { details, form, notes, refine });
    refine.closest("label").hidden = !hasRefiner;
    this.timer = 0;
    const changed = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => { if (form.checkValidity()) onChange(); }, WAIT_MS);
    };
    form.addEventListener("input", changed);
    form.addEventListener("submit", (event) => { event.preventDefault(); changed(); });
    form.querySelector("[type=reset]").addEventListener("click", () => setTimeout(changed));
  }

  /** Return what was typed, by name; what was left empty is left out. */
  values() {
    const typed = FIELDS.filter((name) => this.form.elements[name].value !== "");
    return Object.fromEntries(typed.map((name) => [name, this.form.elements[name].value]));
  }

  /** Return whether the refiner is wanted. */
  refines() {
    return this.refine.checked;
  }

  /** Show what the photo says where nothing is typed. */
  tell(camera) {
    const told = [];
    for (const name of FIELDS) {
      const reading = camera?.[name === "height" ? "height_m" : `${name}_deg`];
      const own = reading && reading.source !== "given" ? reading : null;
      this.form.elements[name].placeholder = own ? own.value.toFixed(1) : "unknown";
      if (own) told.push(`${name} ${own.value.toFixed(1)}${UNITS[name]} (${own.source})`);
    }
    const refused = camera?.refused ?? [];
    this.notes.textContent = told.length
      ? `The photo says: ${told.join(", ")}.` : "The photo says nothing of its camera.";
    if (refused.length) this.notes.textContent += ` Not believed: ${refused.join("; ")}.`;
  }
}
