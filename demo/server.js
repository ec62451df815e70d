// SPDX-License-Identifier: Apache-2.0
'use strict';
// A small shop with one fault: its sales report is parsed, grouped and sorted in one go on the only thread, so that every
// visitor waits while one of them exports it.
const http = require('node:http');

const months = ['January', 'February', 'March', 'April', 'May', 'June'];

// Stands in for a file of orders, as a shop's accounts would export it.
const orders = Array.from({ length: 150000 }, (_, number) =>
  `${number};${months[number % months.length]};item-${(number * 7919) % 997};${(number % 90) + 10}.50`).join('\n');

function parseOrders(text) {
  return text.split('\n').map((line) => {
    const [number, month, item, price] = line.split(';');
    return { number: Number(number), month, item, price: Number(price) };
  });
}

function buildSalesReport() {
  const totals = new Map();
  for (const order of parseOrders(orders)) {
    const key = `${order.month}/${order.item}`;
    totals.set(key, (totals.get(key) ?? 0) + order.price);
  }
  return [...totals].sort((one, other) => other[1] - one[1]).map((row) => row.join(';')).join('\n');
}

const server = http.createServer((request, response) => {
  if (request.url === '/report') return response.end(buildSalesReport());
  response.end('welcome\n');
});
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
