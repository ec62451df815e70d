// SPDX-License-Identifier: Apache-2.0
'use strict';
// The least that a Node server does.
require('node:http').createServer((request, response) => response.end('hello\n'))
  .listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
