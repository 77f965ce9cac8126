// Hold one untrusted JavaScript solution and answer calls to it. Knows no test and gives no verdict.
// The solution is ./solution.js, calls come on descriptor 3, answers leave on 4.
"use strict";
const fs = require("fs");
const vm = require("vm");
const exit = process.exit.bind(process);
const { encode, decode, send, reader } = require("./wire.js");

const failure = (error) => ({ error: String((error && error.name) || "thrown"), message: String((error && error.message) || error).slice(0, 500) });

const next = reader(3);
let lookup = null;
try {
  const source = fs.readFileSync("solution.js", "utf8");
  globalThis.require = require;
  globalThis.module = { exports: {} };
  globalThis.exports = globalThis.module.exports;
  new vm.Script(source, { filename: "solution.js" }).runInThisContext();
  lookup = (name) => new vm.Script(name).runInThisContext();
  send(4, { value: null });
} catch (error) {
  send(4, failure(error));
  exit(0);
}
for (let request = next(); request !== null; request = next()) {
  let reply;
  try {
    reply = { value: encode(lookup(request.name)(...decode(request.arguments))) };
  } catch (error) {
    reply = failure(error);
  }
  send(4, reply);
}
exit(0); // nobody waits for what the solution has left running
