/** A typed builder for the three kinds of queries that the reports need. No joins, on purpose. */

export type Primitive = string | number | boolean | Date | null;
export type Schema = Record<string, Record<string, Primitive>>;

type Operator = '=' | '<>' | '<' | '<=' | '>' | '>=';
type Comparable<T> = Exclude<T, null | boolean>;

export interface Compiled {
  readonly sql: string;
  readonly values: readonly Primitive[];
}

type Clause = (bind: (value: Primitive) => string) => string;

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

export class Query<Row extends Record<string, Primitive>, Picked extends keyof Row & string> {
  private constructor(
    private readonly table: string,
    private readonly columns: readonly Picked[],
    private readonly clauses: readonly Clause[] = [],
    private readonly order: readonly string[] = [],
    private readonly max?: number,
  ) {}

  static from<S extends Schema>() {
    return <T extends keyof S & string>(table: T) => new Query<S[T], never>(table, []);
  }

  select<C extends keyof Row & string>(...columns: C[]): Query<Row, Picked | C> {
    return new Query<Row, Picked | C>(
      this.table,
      [...this.columns, ...columns],
      this.clauses,
      this.order,
      this.max,
    );
  }

  where<C extends keyof Row & string>(column: C, operator: Operator, value: Comparable<Row[C]>): this;
  where<C extends keyof Row & string>(column: C, operator: 'in', value: readonly Row[C][]): this;
  where<C extends keyof Row & string>(column: C, operator: 'is null' | 'is not null'): this;
  where(column: string, operator: string, value?: unknown): this {
    const clause: Clause = (bind) => {
      const left = quote(column);
      if (value === undefined) return `${left} ${operator.toUpperCase()}`;
      if (Array.isArray(value)) {
        // `IN ()` is a syntax error nearly everywhere
        return value.length === 0 ? 'FALSE' : `${left} IN (${value.map(bind).join(', ')})`;
      }
      return `${left} ${operator} ${bind(value as Primitive)}`;
    };
    return this.with({ clauses: [...this.clauses, clause] });
  }

  orderBy(column: keyof Row & string, direction: 'asc' | 'desc' = 'asc'): this {
    const term = direction === 'asc' ? quote(column) : `${quote(column)} DESC`;
    return this.with({ order: [...this.order, term] });
  }

  limit(max: number): this {
    if (!Number.isSafeInteger(max) || max < 0) throw new RangeError(`limit ${max}`);
    return this.with({ max });
  }

  compile(): Compiled {
    const values: Primitive[] = [];
    const bind = (value: Primitive) => `$${values.push(value)}`;
    const parts = [`SELECT ${this.columns.map(quote).join(', ') || '*'}`, `FROM ${quote(this.table)}`];
    if (this.clauses.length > 0) {
      parts.push(`WHERE ${this.clauses.map((clause) => clause(bind)).join(' AND ')}`);
    }
    if (this.order.length > 0) parts.push(`ORDER BY ${this.order.join(', ')}`);
    if (this.max !== undefined) parts.push(`LIMIT ${this.max}`);
    return { sql: parts.join(' '), values };
  }

  async run(execute: (query: Compiled) => Promise<unknown[]>): Promise<Pick<Row, Picked>[]> {
    return (await execute(this.compile())) as Pick<Row, Picked>[];
  }

  private with(change: { clauses?: Clause[]; order?: string[]; max?: number }): this {
    return new Query<Row, Picked>(
      this.table,
      this.columns,
      change.clauses ?? this.clauses,
      change.order ?? this.order,
      change.max ?? this.max,
    ) as this;
  }
}
