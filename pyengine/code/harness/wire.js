// Carry plain values between the judge and the solver as JSON lines over two pipes.
"use strict";
const fs = require("fs");
const { stringify, parse } = JSON;

const LARGEST = 16 << 20;

function encode(value, depth = 0) {
  if (depth > 200) throw new Error("value nested too deeply");
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number")
    return Number.isFinite(value) && !Object.is(value, -0) ? value : { number: Object.is(value, -0) ? "-0" : String(value) };
  if (value === undefined) return { undefined: 0 };
  if (typeof value === "bigint") return { bigint: String(value) };
  if (Array.isArray(value)) return Array.from(value, (item) => encode(item, depth + 1));
  if (value instanceof Set) return { set: [...value].map((item) => encode(item, depth + 1)) };
  if (value instanceof Map) return { map: [...value].map((pair) => pair.map((item) => encode(item, depth + 1))) };
  if (typeof value === "object")
    return { object: Object.keys(value).map((key) => [key, encode(value[key], depth + 1)]) };
  throw new Error(`a ${typeof value} cannot cross`);
}

function decode(data) {
  if (data === null || typeof data !== "object") return data;
  if (Array.isArray(data)) return data.map(decode);
  if ("number" in data) return Number(data.number);
  if ("undefined" in data) return undefined;
  if ("bigint" in data) return BigInt(data.bigint);
  if ("set" in data) return new Set(data.set.map(decode));
  if ("map" in data) return new Map(data.map.map((pair) => pair.map(decode)));
  const result = {};
  for (const [key, item] of data.object)
    Object.defineProperty(result, key, { value: decode(item), enumerable: true, writable: true, configurable: true });
  return result;
}

function send(descriptor, message) {
  let data = Buffer.from(stringify(message) + "\n");
  if (data.length > LARGEST) throw new Error("value too large to cross");
  while (data.length > 0) data = data.subarray(fs.writeSync(descriptor, data));
}

// Returns a function that gives the next message, or null when the other side is gone.
function reader(descriptor) {
  let pending = Buffer.alloc(0);
  const block = Buffer.alloc(65536);
  return () => {
    for (;;) {
      const end = pending.indexOf(10);
      if (end >= 0) {
        const line = pending.subarray(0, end);
        pending = pending.subarray(end + 1);
        return parse(line.toString());
      }
      const count = fs.readSync(descriptor, block, 0, block.length, null);
      if (count === 0 || pending.length > LARGEST) return null;
      pending = Buffer.concat([pending, block.subarray(0, count)]);
    }
  };
}

module.exports = { encode, decode, send, reader };
