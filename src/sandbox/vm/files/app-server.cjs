// The demo service itself: answers every request with the name of its machine and the time. `node app-server.cjs NAME ADDRESS PORT`.
const [name, address, port] = process.argv.slice(2);
// The second word is when it answered, on the machine's monotonic clock: an observer needs no guess about the way.
const answer = () => {
  const body = `${name} ${Number(process.hrtime.bigint()) / 1e6}\n`;
  return `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
};
const server = require("node:net").createServer((socket) => {
  socket.on("error", () => socket.destroy());
  socket.once("data", () => socket.end(answer()));
});
server.on("error", (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
server.listen(Number(port), address, () => process.stdout.write("ready\n"));
process.stdout.on("error", () => undefined);
process.on("SIGTERM", () => process.exit(0));
