// The network between one browser and the daemon: it can fall silent for whoever listens to events, and break.
import { once } from "node:events";
import { connect, createServer } from "node:net";

export async function network(base) {
  const { hostname, port } = new URL(base);
  const lines = new Set();
  let broken = false;
  const server = createServer((near) => {
    if (broken) return near.destroy();
    const far = connect(Number(port), hostname);
    const line = { near, far, events: false };
    lines.add(line);
    near.on("data", (bytes) => (line.events ||= bytes.includes("/api/v1/events")));
    near.pipe(far).pipe(near);
    const end = () => (lines.delete(line), near.destroy(), far.destroy());
    for (const side of [near, far]) side.on("error", end).on("close", end);
    return undefined;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Events stop coming, and nobody is told; everything else goes on. */
    hush: () => [...lines].filter((line) => line.events).forEach(({ near, far }) => far.unpipe(near).pause()),
    /** Every connection ends, and none is made, until `mend`. */
    cut: () => ((broken = true), [...lines].forEach(({ near }) => near.destroy())),
    mend: () => (broken = false),
    close: () => ([...lines].forEach(({ near }) => near.destroy()), server.close()),
  };
}
