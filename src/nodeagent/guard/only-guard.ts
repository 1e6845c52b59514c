/**
 * One guard per node: a second one refuses to start while the first lives, even when the first is stopped or stuck. The
 * lock is an abstract Unix socket (unix(7)): the kernel frees it with the process that holds it, however that dies, and
 * it is shared by everything in the node's network namespace, containers of a second pod included.
 */
import { statSync } from "node:fs";
import { createServer, type Server } from "node:net";

export interface OnlyGuard {
  release(): void;
}

/** Throws when another guard of this node, with the same state folder, lives. */
export async function becomeOnlyGuard(node: string, stateFolder: string): Promise<OnlyGuard> {
  const { dev, ino } = statSync(stateFolder);
  // The folder tells apart the sandboxes of one machine, whose nodes have the same names.
  const path = `\0understudy-guard-${node}-${dev}-${ino}`.slice(0, 100);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new Error(`another agent runs on node ${node} with state folder ${stateFolder}: end it first`, { cause }));
    });
    server.listen({ path, exclusive: true }, resolve);
  });
  server.unref();
  return { release: () => closeQuietly(server) };
}

function closeQuietly(server: Server): void {
  server.close(() => undefined);
}
