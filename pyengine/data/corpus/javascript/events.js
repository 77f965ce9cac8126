'use strict';

/**
 * A tiny event bus. Listeners are called in the order in which they were added.
 */
class EventBus {
  #listeners = new Map();

  on(name, listener) {
    if (typeof listener !== 'function') {
      throw new TypeError(`listener for "${name}" is not a function`);
    }
    const known = this.#listeners.get(name) ?? [];
    this.#listeners.set(name, [...known, listener]);
    return () => this.off(name, listener);
  }

  once(name, listener) {
    const stop = this.on(name, (...args) => {
      stop();
      listener(...args);
    });
    return stop;
  }

  off(name, listener) {
    const rest = (this.#listeners.get(name) || []).filter((l) => l !== listener);
    if (rest.length === 0) {
      this.#listeners.delete(name);
    } else {
      this.#listeners.set(name, rest);
    }
  }

  emit(name, ...args) {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        listener(...args);
      } catch (error) {
        console.error('listener of %s failed:', name, error);
      }
    }
  }
}

/**
 * Passes everything that happens on one bus to another, under a prefix. Returns a function that cuts
 * the connection again.
 */
function forward(source, target, prefix, names) {
  const stops = names.map((name) =>
    source.on(name, (...args) => target.emit(`${prefix}:${name}`, ...args)),
  );
  return () => stops.forEach((stop) => stop());
}

/** Resolves with the arguments of the next event of that name, or rejects when time is up. */
function waitFor(bus, name, milliseconds = Infinity) {
  return new Promise((resolve, reject) => {
    let timer = null;
    const stop = bus.once(name, (...args) => {
      clearTimeout(timer);
      resolve(args);
    });
    if (milliseconds < Infinity) {
      timer = setTimeout(() => {
        stop();
        reject(new Error(`no "${name}" within ${milliseconds} ms`));
      }, milliseconds);
    }
  });
}

module.exports = { EventBus, forward, waitFor };
