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
  return receive();
}

// console.assert only prints; here a false condition ends the tests.
console.assert = (condition, message) => {
  if (!condition) throw new Error(message || "assertion failed");
};

let verdict;
try {
  receive();
  new Function(job.entry_point, "require", `${job.support}\n${job.tests}`)(candidate, require);
  if (gone !== null) throw gone;
  verdict = { outcome: "passed", detail: "" };
} catch (error) {
  const detail = String(error && error.message).slice(0, 500);
  if (raised.has(error)) verdict = { outcome: "raised", kind: error.name, detail: `${error.name}: ${detail}` };
  else if (error instanceof Gone) verdict = { outcome: "gone", detail };
  else verdict = { outcome: "failed", detail };
}
fs.writeSync(5, JSON.stringify(verdict));
process.exit(0); // whatever the tests have left running
