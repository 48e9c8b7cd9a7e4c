// A stand-in for the daemon: serves dist/ and plays the ops API with a rollout from a script.
//
//   node dev/mock.mjs [--port 5199] [--situation ramping] [--role operator] [--cut 0]
//
// Situations: see dev/mock/situations.mjs. The address chooses too, and each choice is a world of its own:
//   http://127.0.0.1:5199/?situation=degraded&role=viewer
// Tests give each page its own world by adding &world=anything.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { answer } from "./mock/routes.mjs";
import { worlds } from "./mock/worlds.mjs";

/** Starts the mock on loopback; port 0 takes a free one. */
export function startMock({ port = 0, situation = "script", role = "operator", cut = 0 } = {}) {
  const server = createServer((request, response) => {
    answer(request, response, { situation, role, cut }).catch((error) => {
      console.error(error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => {
      const { port: taken } = server.address();
      resolve({
        url: `http://127.0.0.1:${taken}/`,
        stop: () => {
          for (const world of worlds.values()) world.stop();
          server.closeAllConnections();
          return new Promise((done) => server.close(done));
        },
      });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "5199" },
      situation: { type: "string", default: "script" },
      role: { type: "string", default: "operator" },
      cut: { type: "string", default: "0" },
    },
  });
  const mock = await startMock({ port: Number(values.port), situation: values.situation, role: values.role, cut: Number(values.cut) });
  console.log(`the ops page, played: ${mock.url}`);
}
