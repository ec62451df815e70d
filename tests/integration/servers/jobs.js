// SPDX-License-Identifier: Apache-2.0
'use strict';
// A healthy server whose worker takes its work as piscina's do: once it has begun, it sleeps in Atomics.wait until there is
// a job, and never returns to its event loop. /job gives it one.
const http = require('node:http');
const { Worker, isMainThread, parentPort, receiveMessageOnPort, workerData } = require('node:worker_threads');

function serve() {
  const posted = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(__filename, { workerData: posted });
  let done = 0;
  worker.on('message', () => done++);
  // By its loop, as long as it is not told to begin.
  for (let i = 1; i <= 5; i++)
    setTimeout(() => worker.postMessage(i < 5 ? 'wake' : 'begin'), 50 * i);
  http.createServer((request, response) => {
    if (request.url === '/job') {
      worker.postMessage('job');
      Atomics.add(posted, 0, 1);
      Atomics.notify(posted, 0);
    }
    response.end(`${done}\n`);
  }).listen(Number(process.env.PORT), '127.0.0.1');
}

function takeJobs(posted) {
  for (let seen = 0;; seen = Atomics.load(posted, 0)) {
    Atomics.wait(posted, 0, seen);
    while (receiveMessageOnPort(parentPort)) {
      const end = Date.now() + 80;
      while (Date.now() < end);
      parentPort.postMessage('done');
    }
  }
}

if (isMainThread)
  serve();
else
  parentPort.on('message', (text) => text === 'begin' && takeJobs(workerData));
