// SPDX-License-Identifier: Apache-2.0
// An ES module whose start-up turns the loop (top-level await) before it serves; /slow burns the CPU.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

await sleep(20);
for (const end = Date.now() + 200; Date.now() < end;); // a long turn before the first listen: start-up, no finding
await sleep(20);

function spinAwhile() {
  let turns = 0;
  for (const begin = process.cpuUsage(); process.cpuUsage(begin).user < 120000;) for (let i = 0; i < 10000; i++) turns++;
  return String(turns);
}

http.createServer((request, response) => {
  response.end(request.url === '/slow' ? spinAwhile() : 'hello\n');
}).listen(Number(process.env.PORT), '127.0.0.1');
