// SPDX-License-Identifier: Apache-2.0
'use strict';
// One server, one fault a path, and / which has none. The tests find the lines by their text.
const { execFileSync } = require('node:child_process');
const http = require('node:http');
const zlib = require('node:zlib');

const rows = Array.from({ length: 60000 }, (_, number) => ({ number, name: `customer ${(number * 7919) % 60000}` }));
// Numbers alone: parsing them makes hardly any garbage, so that the time is the parser's own.
const document_ = JSON.stringify({ rows: Array.from({ length: 3e6 }, (_, number) => number) });
const text = Buffer.from(JSON.stringify(rows));
const lock = new Int32Array(new SharedArrayBuffer(4));

const routes = {
  '/sort': function sortCustomers() {
    return String([...rows, ...rows, ...rows].sort((one, other) => one.name.localeCompare(other.name)).length);
  },
  '/parse': function importDocument() {
    return String(JSON.parse(document_).rows.length);
  },
  '/compress': function compressAnswer() {
    return String(zlib.gzipSync(text, { level: 9 }).length);
  },
  '/convert': function runConverter() {
    return execFileSync('sleep', ['0.15']).toString();
  },
  '/lock': function waitForLock() {
    return Atomics.wait(lock, 0, 0, 150);
  },
};

class Accounts {
  #entries = rows.map((row) => row.number);

  // The work lies in a callback that the optimiser inlines: the method is to blame, not the arithmetic.
  balanceOf(customer) {
    let balance = 0;
    for (let year = 0; year < 500; year++) {
      balance += this.#entries.reduce((sum, entry) => sum + ((entry * customer) % 17), 0);
    }
    return String(balance);
  }
}
const accounts = new Accounts();
routes['/balance'] = () => accounts.balanceOf(7);

http.createServer((request, response) => {
  const route = routes[request.url];
  response.end(route ? route() : 'hello\n');
}).listen(Number(process.env.PORT), '127.0.0.1');
