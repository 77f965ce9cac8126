export type Listener<S> = (state: Readonly<S>, previous: Readonly<S>) => void;

export interface Store<S extends object> {
  readonly state: Readonly<S>;
  update(patch: Partial<S> | ((state: S) => Partial<S>)): void;
  subscribe(listener: Listener<S>): () => void;
}

export function createStore<S extends object>(initial: S): Store<S> {
  let state: S = { ...initial };
  const listeners = new Set<Listener<S>>();

  return {
    get state() {
      return state;
    },
    update(patch) {
      const previous = state;
      const change = typeof patch === 'function' ? patch(previous) : patch;
      state = { ...previous, ...change };
      listeners.forEach((listener) => listener(state, previous));
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

type Keys<S> = { [K in keyof S]-?: S[K] extends (...args: never[]) => unknown ? never : K }[keyof S];

export function select<S extends object, K extends Keys<S>>(
  store: Store<S>,
  key: K,
  listener: (value: S[K]) => void,
): () => void {
  return store.subscribe((state, previous) => {
    if (!Object.is(state[key], previous[key])) {
      listener(state[key]);
    }
  });
}

/**
 * Keeps the last states, so that changes can be taken back. What is undone can be redone until the
 * next change.
 */
export function withHistory<S extends object>(store: Store<S>, depth = 50) {
  const past: S[] = [];
  const future: S[] = [];
  let travelling = false;

  store.subscribe((_, previous) => {
    if (travelling) return;
    past.push(previous as S);
    if (past.length > depth) past.shift();
    future.length = 0;
  });

  const travel = (from: S[], to: S[]): boolean => {
    const target = from.pop();
    if (target === undefined) return false;
    to.push({ ...store.state });
    travelling = true;
    try {
      store.update(target);
    } finally {
      travelling = false;
    }
    return true;
  };

  return { undo: () => travel(past, future), redo: () => travel(future, past) } as const;
}
