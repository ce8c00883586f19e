// Shapes on the globe, and numbers as people read them.

const EARTH_RADIUS_M = 6371008.8;
const RAD = Math.PI / 180;

/** Return [longitude, latitude] at a distance in metres and a bearing in radians from a point. */
export function destination([longitude, latitude], distanceM, bearing) {
  const angle = distanceM / EARTH_RADIUS_M;
  const sine = Math.sin(latitude * RAD);
  const cosine = Math.cos(latitude * RAD);
  const end = sine * Math.cos(angle) + cosine * Math.sin(angle) * Math.cos(bearing);
  const turn = Math.atan2(
    Math.sin(bearing) * Math.sin(angle) * cosine,
    Math.cos(angle) - sine * end,
  );
  return [longitude + turn / RAD, Math.asin(Math.max(-1, Math.min(1, end))) / RAD];
}

/** Return the great-circle distance in metres between two [latitude, longitude]. */
export function distanceM([a, b], [c, d]) {
  const half = Math.sin(((c - a) * RAD) / 2) ** 2
    + Math.cos(a * RAD) * Math.cos(c * RAD) * Math.sin(((d - b) * RAD) / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(Math.min(1, half)));
}

/** Return a circle round [latitude, longitude] as a GeoJSON polygon. */
export function circle([latitude, longitude], radiusM, properties = {}) {
  const ring = [];
  for (let step = 0; step <= 128; step += 1) {
    ring.push(destination([longitude, latitude], radiusM, (2 * Math.PI * step) / 128));
  }
  return polygon(ring, properties);
}

/** Return the footprint of a candidate as a GeoJSON polygon. */
export function footprint(candidate, properties = {}) {
  const ring = candidate.corners_latlon.map(([latitude, longitude]) => [longitude, latitude]);
  return polygon([...ring, ring[0]], properties);
}

/** Return a box {west, south, east, north} as a GeoJSON polygon that follows the parallels. */
export function boxPolygon({ west, south, east, north }) {
  const end = east < west ? east + 360 : east;
  const ring = [];
  const steps = 48;
  for (let i = 0; i <= steps; i += 1) ring.push([west + ((end - west) * i) / steps, south]);
  for (let i = 0; i <= steps; i += 1) ring.push([end - ((end - west) * i) / steps, north]);
  return polygon([...ring, ring[0]]);
}

/** Return a longitude in -180..180. */
export function wrapped(longitude) {
  return ((((longitude + 180) % 360) + 360) % 360) - 180;
}

/** Return meridians and parallels every so many degrees. */
export function graticule(stepDegrees) {
  const lines = [];
  for (let longitude = -180; longitude < 180; longitude += stepDegrees) {
    const line = [];
    for (let latitude = -85; latitude <= 85; latitude += 5) line.push([longitude, latitude]);
    lines.push(line);
  }
  for (let latitude = -60; latitude <= 75; latitude += stepDegrees) {
    const line = [];
    for (let longitude = -180; longitude <= 180; longitude += 5) line.push([longitude, latitude]);
    lines.push(line);
  }
  const geometry = { type: "MultiLineString", coordinates: lines };
  return { type: "Feature", properties: {}, geometry };
}

export function collection(features) {
  return { type: "FeatureCollection", features };
}

/** Return a position as text, as exact as tiles of that size allow. */
export function place([latitude, longitude], sideM) {
  const digits = Math.max(1, Math.min(6, Math.ceil(6.5 - Math.log10(Math.max(sideM, 1)))));
  const north = `${Math.abs(latitude).toFixed(digits)}° ${latitude < 0 ? "S" : "N"}`;
  const east = wrapped(longitude);
  return `${north}, ${Math.abs(east).toFixed(digits)}° ${east < 0 ? "W" : "E"}`;
}

/** Return a length as text: 85 m, 4.2 km, 420 km. */
export function length(metres) {
  if (metres < 1000) return `${metres < 10 ? metres.toFixed(1) : Math.round(metres)}\u00a0m`;
  const km = metres / 1000;
  return `${km < 10 ? km.toFixed(1) : Math.round(km).toLocaleString("en")}\u00a0km`;
}

/** Return a closed ring of [longitude, latitude] as a GeoJSON polygon. */
export function polygon(ring, properties = {}) {
  return { type: "Feature", properties, geometry: { type: "Polygon", coordinates: [ring] } };
}
