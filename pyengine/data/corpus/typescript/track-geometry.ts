import type { Feature, LineString, MultiLineString, Position } from 'geojson';

const EARTH_RADIUS = 6_371_008.8; // metres, mean
const rad = (degrees: number): number => (degrees * Math.PI) / 180;

export interface TrackProperties {
  name: string;
  length: number;
  climb: number;
}

/** Great-circle distance in metres, by the haversine formula. */
export function distance([lon1 = 0, lat1 = 0]: Position, [lon2 = 0, lat2 = 0]: Position): number {
  const dLat = rad(lat2 - lat1);
  const dLon = rad(lon2 - lon1);
  const h =
    Math.sin(dLat / 2) ** 2 + Math.cos(rad(lat1)) * Math.cos(rad(lat2)) * Math.sin(dLon / 2) ** 2;
  return 2 * EARTH_RADIUS * Math.asin(Math.min(1, Math.sqrt(h)));
}

// Flat earth around `origin`; wrong by a metre over ten kilometres, which is fine for thinning.
function project(origin: Position, point: Position): [x: number, y: number] {
  const k = Math.cos(rad(origin[1]!));
  return [
    rad(point[0]! - origin[0]!) * k * EARTH_RADIUS,
    rad(point[1]! - origin[1]!) * EARTH_RADIUS,
  ];
}

function offLine(point: Position, start: Position, end: Position): number {
  const [px, py] = project(start, point);
  const [ex, ey] = project(start, end);
  const squared = ex * ex + ey * ey;
  const t = squared === 0 ? 0 : Math.max(0, Math.min(1, (px * ex + py * ey) / squared));
  return Math.hypot(px - t * ex, py - t * ey);
}

/**
 * Leaves out points that lie within `tolerance` metres of the line without them (Douglas and
 * Peucker). A stack instead of recursion: recordings of a whole day overflow the call stack.
 */
export function simplify(points: readonly Position[], tolerance: number): Position[] {
  if (points.length <= 2) return [...points];
  const keep = new Uint8Array(points.length);
  keep[0] = keep[points.length - 1] = 1;
  const stack: Array<readonly [from: number, to: number]> = [[0, points.length - 1]];
  for (let range = stack.pop(); range !== undefined; range = stack.pop()) {
    const [from, to] = range;
    let worst = tolerance;
    let at = -1;
    for (let i = from + 1; i < to; i++) {
      const off = offLine(points[i]!, points[from]!, points[to]!);
      if (off > worst) [worst, at] = [off, i];
    }
    if (at >= 0) {
      keep[at] = 1;
      stack.push([from, at], [at, to]);
    }
  }
  return points.filter((_, i) => keep[i]);
}

/** Metres climbed; ups and downs smaller than `noise` are what the barometer makes up. */
export function climbed(heights: Iterable<number>, noise = 3): number {
  let reference: number | undefined;
  let sum = 0;
  for (const height of heights) {
    reference ??= height;
    if (height > reference + noise) {
      sum += height - reference;
      reference = height;
    } else if (height < reference - noise) {
      reference = height;
    }
  }
  return sum;
}

export function summarize(
  name: string,
  geometry: LineString | MultiLineString,
): Feature<LineString | MultiLineString, TrackProperties> {
  const lines = geometry.type === 'LineString' ? [geometry.coordinates] : geometry.coordinates;
  let length = 0;
  let climb = 0;
  for (const line of lines) {
    for (let i = 1; i < line.length; i++) length += distance(line[i - 1]!, line[i]!);
    climb += climbed(line.flatMap((p) => (p[2] === undefined ? [] : [p[2]])));
  }
  return { type: 'Feature', geometry, properties: { name, length: Math.round(length), climb } };
}
