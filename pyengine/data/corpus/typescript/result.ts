import { readFile } from 'node:fs/promises';

export type Result<T, E = Error> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

export const ok = <T>(value: T): Result<T, never> => ({ ok: true, value });
export const fail = <E>(error: E): Result<never, E> => ({ ok: false, error });

export enum Level {
  Debug = 10,
  Info = 20,
  Warning = 30,
}

interface Settings {
  host: string;
  port: number;
  level: Level;
  tags?: string[];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function parseSettings(text: string): Result<Settings, string> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    return fail(`not JSON: ${(error as Error).message}`);
  }
  if (!isRecord(data)) return fail('expected an object');
  const { host, port = 8080, level = 'Info', tags } = data;
  if (typeof host !== 'string' || host === '') return fail('host is missing');
  if (typeof port !== 'number' || !Number.isInteger(port)) return fail('port is no integer');
  if (!(String(level) in Level)) return fail(`unknown level ${level}`);
  const settings: Settings = { host, port, level: Level[level as keyof typeof Level] };
  if (Array.isArray(tags)) {
    settings.tags = tags.filter((tag): tag is string => typeof tag === 'string');
  }
  return ok(settings);
}

export async function loadSettings(path: string): Promise<Settings> {
  const result = parseSettings(await readFile(path, { encoding: 'utf8' }));
  if (!result.ok) {
    throw new Error(`${path}: ${result.error}`);
  }
  return result.value;
}
