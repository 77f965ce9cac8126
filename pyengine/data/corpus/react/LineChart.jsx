import { useLayoutEffect, useMemo, useRef, useState } from 'react';

const MARGIN = { top: 12, right: 16, bottom: 28, left: 44 };
const STEPS = [1, 2, 5, 10];

/** Round numbers between two values: about `count` of them. */
export function niceTicks(min, max, count = 5) {
  if (min === max) return [min];
  const rough = (max - min) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = STEPS.find((s) => s * power >= rough) * power;
  const ticks = [];
  for (let i = Math.ceil(min / step); i * step <= max + step * 1e-9; i++) ticks.push(+(i * step).toPrecision(12));
  return ticks;
}

function useWidth() {
  const ref = useRef(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(entry.contentRect.width));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}

export default function LineChart({ points, height = 220, unit = '', colour = 'steelblue' }) {
  const [ref, width] = useWidth();
  const [hover, setHover] = useState(null);

  const chart = useMemo(() => {
    if (!width || points.length < 2) return null;
    const xs = points.map((p) => p.x);
    const ys = points.map((p) => p.y).filter(Number.isFinite);
    const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
    const [y0, y1] = [Math.min(0, ...ys), Math.max(...ys)];
    const sx = (x) => MARGIN.left + ((x - x0) / (x1 - x0)) * (width - MARGIN.left - MARGIN.right);
    const sy = (y) => height - MARGIN.bottom - ((y - y0) / (y1 - y0 || 1)) * (height - MARGIN.top - MARGIN.bottom);

    // a missing value lifts the pen
    let path = '';
    let down = false;
    for (const { x, y } of points) {
      down = Number.isFinite(y) && (path += `${down ? 'L' : 'M'}${sx(x).toFixed(1)},${sy(y).toFixed(1)}`) !== '';
    }
    return { sx, sy, path, xTicks: niceTicks(x0, x1, width / 90), yTicks: niceTicks(y0, y1, height / 45) };
  }, [points, width, height]);

  function nearest(event) {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
    return points.reduce((best, p) => (Math.abs(chart.sx(p.x) - x) < Math.abs(chart.sx(best.x) - x) ? p : best));
  }

  return (
    <figure ref={ref} style={{ margin: 0 }}>
      {chart && (
        <svg
          width={width}
          height={height}
          role="img"
          onPointerMove={(event) => setHover(nearest(event))}
          onPointerLeave={() => setHover(null)}
        >
          {chart.yTicks.map((y) => (
            <g key={y} transform={`translate(0 ${chart.sy(y)})`}>
              <line x1={MARGIN.left} x2={width - MARGIN.right} stroke="#ddd" />
              <text x={MARGIN.left - 6} dy="0.32em" textAnchor="end">{y}</text>
            </g>
          ))}
          {chart.xTicks.map((x) => (
            <text key={x} x={chart.sx(x)} y={height - 8} textAnchor="middle">{x}</text>
          ))}
          <path d={chart.path} fill="none" stroke={colour} strokeWidth={1.5} strokeLinejoin="round" />
          {hover && Number.isFinite(hover.y) && (
            <g transform={`translate(${chart.sx(hover.x)} ${chart.sy(hover.y)})`} pointerEvents="none">
              <circle r={4} fill={colour} />
              <text y={-10} textAnchor="middle" fontWeight="bold">{`${hover.y} ${unit}`.trim()}</text>
            </g>
          )}
        </svg>
      )}
    </figure>
  );
}
