import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the server answers; may be changed while it runs. */
export interface ServedFile {
  body: Uint8Array;
  /** Whether it knows ranges. */
  ranges: boolean;
  /** Bytes after which each connection is cut; Infinity never. */
  cutAfter: number;
  /** Any other answer. */
  status?: number;
}

/** A server on the loopback that gives one file under every name, and remembers what was asked. */
export async function serveFile(file: ServedFile): Promise<{ url: string; asked: string[]; close(): Promise<void> }> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    const { range } = request.headers;
    asked.push(`${request.url ?? ''} ${range ?? ''}`.trimEnd());
    if (file.status !== undefined) {
      response.writeHead(file.status).end();
      return;
    }
    const start = file.ranges && range !== undefined ? Number(/bytes=(\d+)-/.exec(range)?.[1]) : 0;
    if (start > 0 && start >= file.body.byteLength) {
      response.writeHead(416).end();
      return;
    }
    const rest = file.body.subarray(start);
    const headers: http.OutgoingHttpHeaders = { 'content-length': rest.byteLength };
    if (start > 0) headers['content-range'] = `bytes ${start}-${file.body.byteLength - 1}/${file.body.byteLength}`;
    response.writeHead(start > 0 ? 206 : 200, headers);
    if (rest.byteLength <= file.cutAfter) response.end(rest);
    else response.write(rest.subarray(0, file.cutAfter), () => setTimeout(() => response.destroy(), 20));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A test that fails before it closes the server must not keep the process alive.
  server.unref();
  server.on('connection', (socket) => socket.unref());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
