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

module.exports = { EventBus };
