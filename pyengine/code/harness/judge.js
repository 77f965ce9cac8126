// Run the tests of one JavaScript task against a solution in another process, and give the verdict.
// ./tests.json holds `support`, `tests` and `entry_point`; calls leave on descriptor 4, answers come on 3, the verdict goes to 5.
"use strict";
const fs = require("fs");
const { encode, decode, send, reader } = require("./wire.js");

class Gone extends Error {}
// Errors that the solution threw; of JavaScript's own kind of that name, for tests that expect it.
const raised = new WeakSet();
const KINDS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

const job = JSON.parse(fs.readFileSync("tests.json", "utf8"));
const next = reader(3);
const HEADER = 2; // lines that `new Function` puts before a body
let answer = ""; // the last one, as it would be written
let gone = null; // what a test may have caught: that the solver was gone

function receive() {
  let reply = null;
  try {
    if (gone === null) reply = next();
  } catch (error) {
    gone = new Gone(String(error));
  }
  if (reply === null || typeof reply !== "object") throw (gone ??= new Gone("no answer"));
  if ("error" in reply) {
    const name = String(reply.error).slice(0, 500);
    const error = new (Object.hasOwn(KINDS, name) ? KINDS[name] : Error)(String(reply.message));
    error.name = name;
    raised.add(error);
    throw error;
  }
  return decode(reply.value);
}

function candidate(...args) {
  const request = { name: job.entry_point, arguments: encode(args) };
  try {
    if (gone === null) send(4, request);
  } catch (error) {
    gone = new Gone(String(error));
  }
  const value = receive();
  answer = written(value);
  return value;
}

function written(value) {
  try {
    return String(JSON.stringify(value)).slice(0, 160);
  } catch {
    return String(typeof value); // it holds itself, or a number that JSON has no words for
  }
}

// The line of the body at which an error came, or nothing.
function lineOf(error, body) {
  const found = /<anonymous>:(\d+):\d+\)?$/m.exec(String(error && error.stack));
  return found === null ? "" : (body.split("\n")[Number(found[1]) - 1 - HEADER] ?? "").trim();
}

// console.assert only prints; here a false condition ends the tests.
console.assert = (condition, message) => {
  if (!condition) throw new Error(message || "assertion failed");
};

const body = `${job.support}\n${job.tests}`;
let verdict;
try {
  receive();
  new Function(job.entry_point, "require", body)(candidate, require);
  if (gone !== null) throw gone;
  verdict = { outcome: "passed", detail: "" };
} catch (error) {
  const detail = String(error && error.message).slice(0, 500);
  const assertion = lineOf(error, body).slice(0, 500);
  if (raised.has(error)) verdict = { outcome: "raised", kind: error.name, detail: `${error.name}: ${detail}`, assertion };
  else if (error instanceof Gone) verdict = { outcome: "gone", detail };
  else verdict = { outcome: "failed", detail, assertion, values: answer };
}
fs.writeSync(5, JSON.stringify(verdict));
process.exit(0); // whatever the tests have left running
