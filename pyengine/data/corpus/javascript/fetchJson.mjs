import { setTimeout as sleep } from 'node:timers/promises';

export class HttpError extends Error {
  constructor(status, url) {
    super(`${status} from ${url}`);
    this.name = 'HttpError';
    this.status = status;
  }
}

const retryable = new Set([408, 429, 500, 502, 503, 504]);

export async function fetchJson(url, { retries = 3, timeout = 5_000, ...init } = {}) {
  let lastError = null;
  for (let attempt = 0; attempt <= retries; attempt++) {
    if (attempt > 0) {
      await sleep(2 ** attempt * 100);
    }
    const controller = new AbortController();
    const timer = globalThis.setTimeout(() => controller.abort(), timeout);
    try {
      const response = await fetch(url, { ...init, signal: controller.signal });
      if (response.ok) {
        return await response.json();
      }
      lastError = new HttpError(response.status, url);
      if (!retryable.has(response.status)) break;
    } catch (error) {
      lastError = error;
    } finally {
      clearTimeout(timer);
    }
  }
  throw lastError;
}

export function* pages(total, size) {
  for (let from = 0; from < total; from += size) {
    yield { from, to: Math.min(from + size, total) };
  }
}

/** Yields the items of a listing that is spread over pages, as long as the server names a next one. */
export async function* items(url, options) {
  const seen = new Set();
  for (let next = url; next; ) {
    if (seen.has(next)) throw new Error(`the pages go round in a circle at ${next}`);
    seen.add(next);
    const page = await fetchJson(next, options);
    yield* page.items;
    next = page.links?.next ? new URL(page.links.next, next).href : null;
  }
}

export default fetchJson;
