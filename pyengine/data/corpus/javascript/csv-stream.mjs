#!/usr/bin/env node
// usage: csv-stream.mjs [--delimiter=;] [--columns=a,b] < in.csv > out.ndjson
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { parseArgs } from 'node:util';

const State = Object.freeze({ START: 0, PLAIN: 1, QUOTED: 2, AFTER_QUOTE: 3 });

/** Splits text into records after RFC 4180; a record may be cut anywhere between two chunks. */
export class CsvParser extends Transform {
  #decoder = new StringDecoder('utf8');
  #delimiter;
  #state = State.START;
  #field = '';
  #record = [];
  #line = 1;

  constructor({ delimiter = ',' } = {}) {
    super({ readableObjectMode: true });
    this.#delimiter = delimiter;
  }

  _transform(chunk, encoding, callback) {
    try {
      for (const char of this.#decoder.write(chunk)) this.#feed(char);
      callback();
    } catch (error) {
      callback(error);
    }
  }

  _flush(callback) {
    if (this.#state === State.QUOTED) {
      return callback(new Error(`line ${this.#line}: the quote is never closed`));
    }
    if (this.#field || this.#record.length) this.#endRecord();
    callback();
  }

  #feed(char) {
    if (char === '\n') this.#line++;
    switch (this.#state) {
      case State.QUOTED:
        if (char === '"') this.#state = State.AFTER_QUOTE;
        else this.#field += char;
        return;
      case State.AFTER_QUOTE:
        if (char === '"') {
          this.#field += '"';
          this.#state = State.QUOTED;
          return;
        }
        break;
      case State.START:
        if (char === '"') {
          this.#state = State.QUOTED;
          return;
        }
    }
    if (char === this.#delimiter) this.#endField();
    else if (char === '\n') this.#endRecord();
    else if (char !== '\r') {
      this.#field += char;
      this.#state = State.PLAIN;
    }
  }

  #endField() {
    this.#record.push(this.#field);
    this.#field = '';
    this.#state = State.START;
  }

  #endRecord() {
    this.#endField();
    this.push(this.#record);
    this.#record = [];
  }
}

async function* toObjects(records, wanted) {
  let header;
  for await (const record of records) {
    if (!header) {
      header = record.map((name) => name.trim());
      continue;
    }
    const pairs = header.map((name, i) => [name, record[i] ?? null]);
    yield `${JSON.stringify(Object.fromEntries(wanted ? pairs.filter(([n]) => wanted.has(n)) : pairs))}\n`;
  }
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: { delimiter: { type: 'string', short: 'd' }, columns: { type: 'string', short: 'c' } },
  });
  const wanted = values.columns && new Set(values.columns.split(','));
  await pipeline(process.stdin, new CsvParser(values), (source) => toObjects(source, wanted), process.stdout);
}
