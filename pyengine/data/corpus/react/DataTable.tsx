import { useMemo, useState, type ReactNode } from 'react';
import clsx from 'clsx';
import styles from './DataTable.module.css';

export interface Column<Row> {
  key: string;
  title: ReactNode;
  value: (row: Row) => string | number | Date | null;
  render?: (row: Row) => ReactNode;
  align?: 'left' | 'right';
  sortable?: boolean;
}

interface Props<Row> {
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  rowKey: (row: Row) => string;
  pageSize?: number;
  empty?: ReactNode;
}

type Sort = { key: string; descending: boolean } | null;

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

function compare(a: string | number | Date | null, b: string | number | Date | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null); // blanks last
  if (typeof a === 'string' && typeof b === 'string') return collator.compare(a, b);
  return Number(a) - Number(b);
}

export function DataTable<Row>({ rows, columns, rowKey, pageSize = 25, empty = 'Nothing here' }: Props<Row>) {
  const [sort, setSort] = useState<Sort>(null);
  const [page, setPage] = useState(0);

  const sorted = useMemo(() => {
    const column = columns.find((c) => c.key === sort?.key);
    if (!sort || !column) return rows;
    const sign = sort.descending ? -1 : 1;
    return [...rows].sort((a, b) => sign * compare(column.value(a), column.value(b)));
  }, [rows, columns, sort]);

  const pages = Math.max(1, Math.ceil(sorted.length / pageSize));
  const current = Math.min(page, pages - 1); // rows may have become fewer
  const shown = sorted.slice(current * pageSize, (current + 1) * pageSize);

  // ascending, descending, as it came
  const cycle = (key: string) =>
    setSort((s) => (s?.key !== key ? { key, descending: false } : s.descending ? null : { key, descending: true }));

  return (
    <div className={styles.wrapper}>
      <table className={styles.table}>
        <thead>
          <tr>
            {columns.map(({ key, title, sortable = true, align }) => {
              const active = sort?.key === key;
              const direction = !active ? 'none' : sort.descending ? 'descending' : 'ascending';
              return (
                <th key={key} aria-sort={direction} className={clsx(align === 'right' && styles.right)}>
                  {sortable ? <button onClick={() => cycle(key)}>{title}</button> : title}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column) => (
                <td key={column.key} className={clsx(column.align === 'right' && styles.right)}>
                  {column.render ? column.render(row) : String(column.value(row) ?? '–')}
                </td>
              ))}
            </tr>
          ))}
          {shown.length === 0 && (
            <tr>
              <td colSpan={columns.length} className={styles.empty}>{empty}</td>
            </tr>
          )}
        </tbody>
      </table>
      {pages > 1 && (
        <nav aria-label="Pages">
          <button disabled={current === 0} onClick={() => setPage(current - 1)}>‹</button>
          <span>{current + 1} of {pages}</span>
          <button disabled={current === pages - 1} onClick={() => setPage(current + 1)}>›</button>
        </nav>
      )}
    </div>
  );
}
