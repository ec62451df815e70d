// SPDX-License-Identifier: Apache-2.0
'use strict';
// Servers of one name each (the first argument), for what may happen to one while it is watched. All listen on $PORT but
// the workers of a cluster, which share a port of their own.
const { execFileSync } = require('node:child_process');
const cluster = require('node:cluster');
const fs = require('node:fs');
const http = require('node:http');
const { Worker, isMainThread } = require('node:worker_threads');

const STALL_MS = 120;
const cell = new Int32Array(new SharedArrayBuffer(4));

function serve(port, work = () => {}) {
  http.createServer((request, response) => {
    work();
    response.end('here\n');
  }).listen(port, '127.0.0.1');
}

// Asleep rather than busy, so that a crowded machine makes no difference.
function waitForLock() {
  Atomics.wait(cell, 0, 0, STALL_MS);
}

// Of a worker that sleeps in Atomics.wait it cannot be told whether it waits for its work.
function waitForTool() {
  execFileSync('sleep', [String(STALL_MS / 1000)]);
}

const modes = {
  idle() {},
  stalls() {
    setInterval(waitForLock, 400);
  },
  endless() {
    setTimeout(function spinForEver() {
      for (let number = 0; ; number++) Math.sqrt(number);
    }, 200);
  },
  pipe() {
    setTimeout(function readOrders() {
      fs.readFileSync(process.argv[3]);
    }, 200);
  },
  // A worker a second, which stalls three times and ends.
  workers() {
    setInterval(() => new Worker(__filename, { argv: ['worker'] }), 1000);
  },
  // Three workers that stall once they are told to, and short programs in between.
  cluster() {
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    process.on('SIGUSR2', () => {
      for (let number = 0; number < 3; number++) cluster.fork();
    });
    setInterval(() => execFileSync('true'), 300);
  },
  // A worker, once told to, that the primary hands its connections.
  handed() {
    cluster.schedulingPolicy = cluster.SCHED_RR;
    process.on('SIGUSR2', () => cluster.fork({ STALLS_FOR: 'visitors' }));
  },
};

function stallThrice() {
  let times = 0;
  const timer = setInterval(() => {
    waitForTool();
    if (++times === 3) clearInterval(timer);
  }, 100);
}

if (!isMainThread) {
  stallThrice();
} else if (process.env.STALLS_FOR === 'visitors') {
  serve(Number(process.env.PORT) + 1, waitForLock);
} else if (cluster.isWorker) {
  serve(Number(process.env.PORT) + 1);
  setInterval(waitForLock, 400);
} else {
  serve(Number(process.env.PORT));
  modes[process.argv[2]]();
}
