type Phase =
  | { name: 'idle' }
  | { name: 'connecting'; socket: WebSocket; attempt: number }
  | { name: 'open'; socket: WebSocket; heartbeat: ReturnType<typeof setInterval> }
  | { name: 'waiting'; attempt: number; timer: ReturnType<typeof setTimeout> }
  | { name: 'closed'; reason: string };

export interface ServerMessages {
  price: { symbol: string; bid: number; ask: number };
  halted: { symbol: string };
  pong: Record<string, never>;
}

type Handlers = { [K in keyof ServerMessages]?: (body: ServerMessages[K]) => void };

const HEARTBEAT = 15_000;
const SLOWEST = 30_000;

/** Keeps a connection to the price feed, and subscribes again after every interruption. */
export class LiveSocket {
  private phase: Phase = { name: 'idle' };
  private readonly symbols = new Set<string>();
  private lastPong = 0;

  constructor(
    private readonly url: string,
    private readonly handlers: Handlers,
    private readonly onPhase: (name: Phase['name']) => void = () => {},
  ) {}

  connect(attempt = 0): void {
    if (this.phase.name === 'open' || this.phase.name === 'connecting') return;
    const socket = new WebSocket(this.url, 'feed.v3');
    this.enter({ name: 'connecting', socket, attempt });

    socket.onopen = () => {
      this.lastPong = Date.now();
      const heartbeat = setInterval(() => this.beat(socket), HEARTBEAT);
      this.enter({ name: 'open', socket, heartbeat });
      if (this.symbols.size > 0) this.send({ type: 'subscribe', symbols: [...this.symbols] });
    };
    socket.onmessage = ({ data }: MessageEvent<string>) => this.receive(data);
    socket.onclose = (event) => {
      if (this.phase.name === 'closed') return;
      // 4xxx are ours: the server does not want to see us again
      if (event.code >= 4000) this.enter({ name: 'closed', reason: event.reason });
      else this.retry(this.phase.name === 'connecting' ? this.phase.attempt + 1 : 0);
    };
  }

  watch(...symbols: string[]): () => void {
    const added = symbols.filter((s) => !this.symbols.has(s));
    added.forEach((s) => this.symbols.add(s));
    if (added.length > 0) this.send({ type: 'subscribe', symbols: added });
    return () => {
      added.forEach((s) => this.symbols.delete(s));
      this.send({ type: 'unsubscribe', symbols: added });
    };
  }

  close(reason = 'closed by the page'): void {
    const { phase } = this;
    this.enter({ name: 'closed', reason });
    if ('socket' in phase) phase.socket.close(1000, reason);
  }

  private retry(attempt: number): void {
    const delay = Math.min(SLOWEST, 500 * 2 ** attempt) * (0.5 + Math.random() / 2);
    const timer = setTimeout(() => {
      this.phase = { name: 'idle' };
      this.connect(attempt);
    }, delay);
    this.enter({ name: 'waiting', attempt, timer });
  }

  private beat(socket: WebSocket): void {
    if (Date.now() - this.lastPong > 2 * HEARTBEAT) socket.close(3000, 'no pong');
    else this.send({ type: 'ping' });
  }

  private receive(data: string): void {
    const { type, ...body } = JSON.parse(data) as { type: keyof ServerMessages };
    if (type === 'pong') this.lastPong = Date.now();
    (this.handlers[type] as ((body: unknown) => void) | undefined)?.(body);
  }

  private send(message: object): void {
    if (this.phase.name === 'open') this.phase.socket.send(JSON.stringify(message));
  }

  private enter(next: Phase): void {
    if (this.phase.name === 'open') clearInterval(this.phase.heartbeat);
    if (this.phase.name === 'waiting') clearTimeout(this.phase.timer);
    this.phase = next;
    this.onPhase(next.name);
  }
}
