abstract class Job<TInput, TOutput> {
  protected constructor(public readonly id: string) {}

  abstract run(input: TInput): Promise<TOutput>;

  toString(): string {
    return `${this.constructor.name}(${this.id})`;
  }
}

class Delay extends Job<number, void> {
  static #created = 0;

  static create(): Delay {
    return new Delay(`delay-${++Delay.#created}`);
  }

  override run(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }
}

/** Runs at most `limit` jobs at the same time. */
export class WorkQueue {
  private active = 0;
  private waiting: Array<() => void> = [];

  constructor(private readonly limit: number = 4) {
    if (limit < 1) throw new RangeError(`limit ${limit} is below 1`);
  }

  async add<I, O>(job: Job<I, O>, input: I): Promise<O> {
    while (this.active >= this.limit) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    this.active += 1;
    try {
      return await job.run(input);
    } finally {
      this.active -= 1;
      this.waiting.shift()?.();
    }
  }
}

/** Runs a job again while it fails, with pauses that grow; the last error is the one that is thrown. */
export class Retrying<I, O> extends Job<I, O> {
  constructor(
    private readonly inner: Job<I, O>,
    private readonly attempts = 3,
    private readonly pause = 200,
  ) {
    super(`${inner.id}-retrying`);
  }

  override async run(input: I): Promise<O> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.inner.run(input);
      } catch (error) {
        if (attempt >= this.attempts) throw error;
        console.warn(`${this.inner} failed, attempt ${attempt}:`, error);
        await Delay.create().run(this.pause * attempt);
      }
    }
  }
}

declare const process: { argv: string[] };

const queue = new WorkQueue(Number(process.argv[2] ?? 2));
await Promise.all([30, 10, 20].map((ms) => queue.add(Delay.create(), ms)));
