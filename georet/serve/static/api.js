// What the page asks the server.

export const MAX_BYTES = 100 * 1024 * 1024;
const TYPES = ["image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/avif", "image/heic"];

/** Return what the server knows of the gallery. */
export async function gallery() {
  return (await checked(await fetch("/api/gallery"))).json();
}

/** Return a sample photo as a blob. */
export async function sample(number) {
  return (await checked(await fetch(`/api/sample/${number}`))).blob();
}

/**
 * Search for a photo; `box` is {west, south, east, north} or null, `camera` what was typed of
 * heading, tilt, height and fov, `refine` whether the refiner is asked.
 */
export async function locate(photo, { k, box, camera = {}, refine = true, signal }) {
  if (photo.size > MAX_BYTES) throw new Error("The photo has more than 100 MB.");
  const query = new URLSearchParams({ k, ...camera });
  if (!refine) query.set("refine", "false");
  if (box) query.set("box", [box.west, box.south, box.east, box.north].join(","));
  const type = TYPES.includes(photo.type) ? photo.type : "application/octet-stream";
  const request = { method: "POST", body: photo, headers: { "Content-Type": type }, signal };
  return (await checked(await fetch(`/api/locate?${query}`, request))).json();
}

async function checked(response) {
  if (response.ok) return response;
  let what = `The server answered ${response.status}.`;
  try {
    const { error, hint } = await response.json();
    what = sentence(error) + (hint ? ` ${sentence(hint)}` : "");
  } catch { /* not JSON: the status has to do */ }
  throw new Error(what);
}

function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
